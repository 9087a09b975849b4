"""Compute the forgetting statistics of one model on one scenario, which evidence checks compare.

Seeds move a model's confidence on all rows alike. A comparison of forget with holdout rows inside one model is
therefore far sharper than a statistic of the forget rows alone. The scorecard's ``suite.power`` has the effect sizes.
"""

from __future__ import annotations

import functools

import numpy as np

from mu_conformance.checks.statistics.caching import AgainstOthers, OfOneModel, Statistic, losses, mean_score
from mu_conformance.checks.statistics.membership import LEAST_SPREAD, lira_score, loss_auc
from mu_conformance.evidence.base import Others
from mu_conformance.evidence.outputs import Outputs
from mu_conformance.measures import divergence
from mu_conformance.scenarios.scenario import Scenario

__all__ = [
    "FORGETTING",
    "backdoor_success",
    "distribution",
    "forget_score",
    "loss_difference",
    "mean_output",
    "median_output",
    "output_divergence",
    "trained_label_score",
]


@OfOneModel
def trained_label_score(scenario: Scenario, own: Outputs) -> float:
    """Compute the mean score on forget rows against the labels that the original was trained on."""
    return mean_score(scenario, own, "forget")


@OfOneModel
def forget_score(scenario: Scenario, own: Outputs) -> float:
    """Compute the mean score on forget rows against the rows' own labels."""
    return float(scenario.task.scores(own["forget"], scenario.forget_as_labelled).mean())


@functools.cache
def mean_output(name: str):
    """Build the statistic that is the mean over forget rows of the task's output ``name`` (``Task.outputs``)."""

    @OfOneModel
    def statistic(scenario: Scenario, own: Outputs) -> float:
        return float(np.mean(own["forget"][name], dtype=np.float64))

    return statistic


@functools.cache
def median_output(name: str):
    """Build the statistic that is the median over forget rows of the task's output ``name``."""

    @OfOneModel
    def statistic(scenario: Scenario, own: Outputs) -> float:
        return float(np.median(own["forget"][name]))

    return statistic


@OfOneModel
def loss_difference(scenario: Scenario, own: Outputs) -> float:
    """Compute the mean loss on forget rows minus the mean loss on holdout rows, in holdout deviations.

    The deviation cancels how sharp a model's outputs are, which depends on the recipe. A deviation below
    ``LEAST_SPREAD`` counts as ``LEAST_SPREAD``.
    """
    forget, holdout = losses(scenario, own)
    return float(forget.mean() - holdout.mean()) / max(float(holdout.std()), LEAST_SPREAD)


@functools.cache
def _distribution_on(part: str):
    @OfOneModel
    def answers(scenario: Scenario, own: Outputs) -> np.ndarray:
        found = scenario.task.probabilities(own[part])
        return np.concatenate([found, 1 - found], axis=1) if found.shape[1] == 1 else found

    return answers


def distribution(scenario: Scenario, own: Outputs, part: str) -> np.ndarray:
    """Return a model's probabilities on a part, float [n, k], each row with sum 1.

    A lone confidence p becomes (p, 1 - p).
    """
    return _distribution_on(part)(scenario, own)


@AgainstOthers
def output_divergence(scenario: Scenario, own: Outputs, others: Others) -> float:
    """Compute the Jensen-Shannon divergence of probabilities from the others' mean, on forget less on holdout rows.

    Each divergence is the mean over rows, in nats, in [0, ln 2]. A model made by another recipe differs on all rows
    alike.
    """
    found = []
    for part in ("forget", "holdout"):
        middle = np.mean([distribution(scenario, one, part) for one in others], axis=0)
        found.append(float(divergence.jensen_shannon(distribution(scenario, own, part), middle).mean()))
    return found[0] - found[1]


@OfOneModel
def backdoor_success(scenario: Scenario, own: Outputs) -> float:
    """Compute the mean score on test rows with a trigger, against the label of the trigger."""
    return mean_score(scenario, own, "triggered")


FORGETTING: dict[str, Statistic[float]] = {
    "forget score": trained_label_score,
    "standardised loss difference": loss_difference,
    "loss attack AUC": loss_auc,
    "LiRA score": lira_score,
}
"""Forgetting measures by name; a scenario's power is the largest effect size among these."""
