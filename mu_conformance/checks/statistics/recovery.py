"""Statistics of recovery attacks: what a treatment of the weights brings back."""

from __future__ import annotations

import functools

from mu_conformance.checks.statistics.caching import OfOneModel, losses
from mu_conformance.evidence.outputs import Outputs
from mu_conformance.evidence.recovery.relearning import few_forget
from mu_conformance.measures import membership
from mu_conformance.scenarios.scenario import Scenario

__all__ = ["recovered_auc", "recovery_gain"]


@functools.cache
def recovery_gain(treatment: str):
    """AUC of the loss attack after a treatment less that before it, on the same rows: what the treatment brings back."""
    after = recovered_auc(treatment)

    @OfOneModel
    def statistic(scenario: Scenario, own: Outputs) -> float:
        forget, holdout = losses(scenario, own)
        return after(scenario, own) - membership.loss_attack(forget[_left_out(treatment, len(forget)) :], holdout).auc

    return statistic


def _left_out(treatment: str, forget_rows: int) -> int:
    """How many forget rows, the first, a treatment trains on."""
    return few_forget(forget_rows) if treatment == "relearnt_few" else 0


@functools.cache
def recovered_auc(treatment: str):
    """AUC of the loss attack after a treatment; forget rows that a fine-tune was trained on are left out."""

    @OfOneModel
    def statistic(scenario: Scenario, own: Outputs) -> float:
        forget, holdout = (own[f"{treatment}_{part}"]["loss"] for part in ("forget", "holdout"))
        return membership.loss_attack(forget[_left_out(treatment, len(forget)) :], holdout).auc

    return statistic
