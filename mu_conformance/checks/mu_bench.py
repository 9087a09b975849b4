"""Report the figures of MU-Bench beside its scores (Cheng & Amiri 2024, arXiv 2406.14796), next to the references'.

Nothing is decided on these figures, because MU-Bench's overall scores rank a collapsed model above exact retraining
(docs/measures.md).
"""

from __future__ import annotations

import numpy as np

from mu_conformance.checks.power import values
from mu_conformance.checks.statistics.caching import OfOneModel, Statistic
from mu_conformance.checks.statistics.forgetting import distribution, forget_score
from mu_conformance.checks.statistics.utility import test_score
from mu_conformance.evidence.base import Evidence
from mu_conformance.evidence.outputs import Outputs
from mu_conformance.measures import divergence, utility
from mu_conformance.scenarios.scenario import Scenario

__all__ = ["KEYS", "mu_bench"]

KEYS = {
    "knowledge gap": "knowledge_gap",
    "zero-retrain forgetting": "zero_retrain_forgetting",
    "MU-Bench overall, first form": "overall_first",
    "MU-Bench overall, later form": "overall_later",
}
"""Stable name of each measurement, by its name."""


def mu_bench(evidence: Evidence) -> dict[str, Statistic[float]]:
    """Return the statistics by name; the knowledge gap only where predictions are right or wrong."""
    found: dict[str, Statistic[float]] = {
        "zero-retrain forgetting": _zero_retrain_forgetting(evidence),
        "MU-Bench overall, first form": overall_first,
        "MU-Bench overall, later form": _overall(evidence),
    }
    return {"knowledge gap": knowledge_gap, **found} if "classes" in evidence.task.features else found


@OfOneModel
def knowledge_gap(scenario: Scenario, own: Outputs) -> float:
    """Compute the AUC of retain rows against forget rows, by whether the prediction is right, in [0, 1]."""
    scores = (scenario.task.scores(own[part], scenario.rows[part]) for part in ("forget", "retain"))
    return utility.knowledge_gap(*scores)


@OfOneModel
def overall_first(scenario: Scenario, own: Outputs) -> float:
    """Compute the paper's overall score from test score and forget score."""
    return utility.mu_bench_overall_first(test_score(scenario, own), forget_score(scenario, own))


def _zero_retrain_forgetting(evidence: Evidence) -> Statistic[float]:
    """Build the statistic 1 - mean Jensen-Shannon divergence from an untrained model on forget rows."""

    @OfOneModel
    def statistic(scenario: Scenario, own: Outputs) -> float:
        given, untrained = (distribution(scenario, model, "forget") for model in (own, evidence.untrained))
        return divergence.zero_retrain_forgetting(given, untrained)

    return statistic


def _overall(evidence: Evidence) -> Statistic[float]:
    """Build the later overall score, against the originals' test score and an untrained model's forget score."""

    @OfOneModel
    def statistic(scenario: Scenario, own: Outputs) -> float:
        return utility.mu_bench_overall(
            test_score(scenario, own),
            forget_score(scenario, own),
            float(np.mean(values(evidence, test_score, evidence.originals))),
            forget_score(scenario, evidence.untrained),
        )

    return statistic
