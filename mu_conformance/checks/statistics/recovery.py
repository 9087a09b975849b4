"""Compute statistics of recovery attacks: the AUC brought back by an attack on the weights."""

from __future__ import annotations

import functools

from mu_conformance.checks.statistics.caching import OfOneModel, losses
from mu_conformance.evidence.outputs import Outputs
from mu_conformance.evidence.recovery.relearning import few_forget
from mu_conformance.measures import membership
from mu_conformance.scenarios.scenario import Scenario

__all__ = ["recovered_auc", "recovery_gain"]


@functools.cache
def recovery_gain(attack: str):
    """Build the statistic that is the gain of the loss attack's AUC from a recovery attack, in [-1, 1].

    The AUC before the attack and the AUC after it are on the same rows.
    """
    after = recovered_auc(attack)

    @OfOneModel
    def statistic(scenario: Scenario, own: Outputs) -> float:
        forget, holdout = losses(scenario, own)
        return after(scenario, own) - membership.loss_attack(forget[_left_out(attack, len(forget)) :], holdout).auc

    return statistic


def _left_out(attack: str, forget_rows: int) -> int:
    """Return the number of leading forget rows that a recovery attack trains on."""
    return few_forget(forget_rows) if attack == "relearnt_few" else 0


@functools.cache
def recovered_auc(attack: str):
    """Build the statistic that is the AUC of the loss attack after a recovery attack, in [0, 1].

    Forget rows in the training set of a relearning attack are left out.
    """

    @OfOneModel
    def statistic(scenario: Scenario, own: Outputs) -> float:
        forget, holdout = (own[f"{attack}_{part}"]["loss"] for part in ("forget", "holdout"))
        return membership.loss_attack(forget[_left_out(attack, len(forget)) :], holdout).auc

    return statistic
