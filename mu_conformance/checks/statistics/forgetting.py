"""The statistics of one model on one scenario that the evidence checks compare.

Seeds move a model's confidence on all rows alike, so a statistic that compares forget with holdout rows inside one
model is far sharper than one on the forget rows alone; the scorecard's ``suite.power`` has the separations.
"""

from __future__ import annotations

import functools

import numpy as np

from mu_conformance.checks.statistics.caching import AgainstOthers, OfOneModel, Statistic, losses, mean_score
from mu_conformance.checks.statistics.membership import lira_score, loss_auc
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
    """Mean score on forget rows against the labels that the original was trained on."""
    return mean_score(scenario, own, "forget")


@OfOneModel
def forget_score(scenario: Scenario, own: Outputs) -> float:
    """Mean score on forget rows against the rows' own labels."""
    return float(scenario.task.scores(own["forget"], scenario.forget_as_labelled).mean())


@functools.cache
def mean_output(name: str):
    """The mean over forget rows of what a task keeps under a name (``Task.outputs``)."""

    @OfOneModel
    def statistic(scenario: Scenario, own: Outputs) -> float:
        return float(np.mean(own["forget"][name], dtype=np.float64))

    return statistic


@functools.cache
def median_output(name: str):
    """The median over forget rows of what a task keeps under a name."""

    @OfOneModel
    def statistic(scenario: Scenario, own: Outputs) -> float:
        return float(np.median(own["forget"][name]))

    return statistic


@OfOneModel
def loss_difference(scenario: Scenario, own: Outputs) -> float:
    """Mean loss on forget rows minus mean loss on holdout rows, in nats."""
    forget, holdout = losses(scenario, own)
    return float(forget.mean() - holdout.mean())


@functools.cache
def _distribution_on(part: str):
    @OfOneModel
    def answers(scenario: Scenario, own: Outputs) -> np.ndarray:
        found = scenario.task.behaviour(own[part])
        return np.concatenate([found, 1 - found], axis=1) if found.shape[1] == 1 else found

    return answers


def distribution(scenario: Scenario, own: Outputs, part: str) -> np.ndarray:
    """A model's answers on a part as probabilities, [n, k], each row's sum 1; a lone confidence p is (p, 1 - p)."""
    return _distribution_on(part)(scenario, own)


@AgainstOthers
def output_divergence(scenario: Scenario, own: Outputs, others: Others) -> float:
    """Jensen-Shannon divergence of a model's answers on forget rows from the others' mean answers, the mean over rows, nats."""
    middle = np.mean([distribution(scenario, one, "forget") for one in others], axis=0)
    return float(divergence.jensen_shannon(distribution(scenario, own, "forget"), middle).mean())


@OfOneModel
def backdoor_success(scenario: Scenario, own: Outputs) -> float:
    """Mean score on test rows with a trigger, against the label that goes with it."""
    return mean_score(scenario, own, "triggered")


FORGETTING: dict[str, Statistic[float]] = {
    "forget score": trained_label_score,
    "loss difference": loss_difference,
    "loss attack AUC": loss_auc,
    "LiRA score": lira_score,
}
