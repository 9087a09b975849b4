"""Compute statistics of utility: scores on test, retain and out-of-distribution rows."""

from __future__ import annotations

import numpy as np

from mu_conformance.checks.statistics.caching import AgainstOthers, OfOneModel, mean_score
from mu_conformance.evidence.base import Others
from mu_conformance.evidence.outputs import Outputs
from mu_conformance.measures import utility
from mu_conformance.scenarios.scenario import Scenario

__all__ = [
    "calibration_error",
    "largest_prediction_share",
    "matched_calibration_error",
    "ood_score",
    "retain_score",
    "test_score",
    "worst_group_drop",
]


@OfOneModel
def _class_scores(scenario: Scenario, own: Outputs) -> np.ndarray:
    """Compute the mean score of each class that occurs in the test rows, float [classes]."""
    rows = scenario.rows["test"]
    scores, labels = scenario.task.scores(own["test"], rows), rows.labels.numpy()
    return np.array([scores[labels == label].mean() for label in np.unique(labels)])


@AgainstOthers
def worst_group_drop(scenario: Scenario, own: Outputs, others: Others) -> float:
    """Compute the least difference over classes between a model's score and the others' mean score on test rows.

    A drop is below 0.
    """
    expected = np.mean([_class_scores(scenario, one) for one in others], axis=0)
    return float((_class_scores(scenario, own) - expected).min())


@OfOneModel
def calibration_error(scenario: Scenario, own: Outputs) -> float:
    """Compute the expected calibration error on test rows, in 10 bins, in [0, 1]."""
    labels = scenario.rows["test"].labels.numpy()
    return float(utility.expected_calibration_error(scenario.task.probabilities(own["test"]), labels, 10))


@OfOneModel
def matched_calibration_error(scenario: Scenario, own: Outputs) -> float:
    """Compute the expected calibration error on test rows at the temperature fitted on holdout rows, in [0, 1]."""
    labels = {part: scenario.rows[part].labels.numpy() for part in ("test", "holdout")}
    temperature = utility.fitted_temperature(scenario.task.probabilities(own["holdout"]), labels["holdout"])
    matched = utility.at_temperature(scenario.task.probabilities(own["test"]), temperature)
    return float(utility.expected_calibration_error(matched, labels["test"], 10))


@OfOneModel
def ood_score(scenario: Scenario, own: Outputs) -> float:
    """Compute the mean score on out-of-distribution rows."""
    return mean_score(scenario, own, "ood")


@OfOneModel
def test_score(scenario: Scenario, own: Outputs) -> float:
    """Compute the mean score on test rows."""
    return mean_score(scenario, own, "test")


@OfOneModel
def retain_score(scenario: Scenario, own: Outputs) -> float:
    """Compute the mean score on retain rows."""
    return mean_score(scenario, own, "retain")


@OfOneModel
def largest_prediction_share(scenario: Scenario, own: Outputs) -> float:
    """Compute the share of test rows that get the most frequent prediction, in (0, 1]."""
    predictions = scenario.task.predictions(own["test"])
    return float(np.unique(predictions, return_counts=True)[1].max() / len(predictions))
