"""What MU-Bench reports of a method (Cheng & Amiri 2024, arXiv 2406.14796) beside its scores, next to the references' values.

Nothing is decided on these: its overall scores rank a collapsed model above exact retraining (docs/measures.md).
"""

from __future__ import annotations

import numpy as np

from mu_conformance.checks.comparison import Statistic
from mu_conformance.checks.statistics import forgetting as statistics
from mu_conformance.evidence.base import Evidence
from mu_conformance.evidence.outputs import Outputs
from mu_conformance.measures import divergence, utility

__all__ = ["mu_bench"]


def mu_bench(evidence: Evidence) -> dict[str, Statistic]:
    """The statistics by name; the knowledge gap where answers are right or wrong."""
    found: dict[str, Statistic] = {
        "zero-retrain forgetting": zero_retrain_forgetting,
        "MU-Bench overall, first form": overall_first,
        "MU-Bench overall, later form": overall,
    }
    return {"knowledge gap": knowledge_gap, **found} if "classes" in evidence.task.features else found


def knowledge_gap(evidence: Evidence, own: Outputs, others: list[Outputs]) -> float:
    """AUC of retain against forget rows by whether the answer is right."""
    rows, task = evidence.scenario.rows, evidence.task
    return utility.knowledge_gap(*(task.scores(own[part], rows[part]) for part in ("forget", "retain")))


def zero_retrain_forgetting(evidence: Evidence, own: Outputs, others: list[Outputs]) -> float:
    """1 - mean Jensen-Shannon divergence from an untrained model on forget rows."""
    given, untrained = (statistics.distribution(evidence, model, "forget") for model in (own, evidence.untrained))
    return divergence.zero_retrain_forgetting(given, untrained)


def overall_first(evidence: Evidence, own: Outputs, others: list[Outputs]) -> float:
    """The paper's overall score, of test and forget score."""
    return utility.mu_bench_overall_first(
        statistics.test_score(evidence, own, others), statistics.forget_score(evidence, own, others)
    )


def overall(evidence: Evidence, own: Outputs, others: list[Outputs]) -> float:
    """The later overall score, against the originals' test score and an untrained model's forget score."""
    original = float(np.mean([statistics.test_score(evidence, one, []) for one in evidence.originals]))
    return utility.mu_bench_overall(
        statistics.test_score(evidence, own, others),
        statistics.forget_score(evidence, own, others),
        original,
        statistics.forget_score(evidence, evidence.untrained, []),
    )
