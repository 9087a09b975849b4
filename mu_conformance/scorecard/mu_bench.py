"""MU-Bench's own numbers (Cheng & Amiri 2024, arXiv 2406.14796) of a scorecard, beside originals and references."""

from __future__ import annotations

import dataclasses

from mu_conformance.decision.finding import Measurement
from mu_conformance.scorecard.document import Document

__all__ = ["FIGURES", "Figure", "figures"]


@dataclasses.dataclass(frozen=True)
class Figure:
    """One of MU-Bench's numbers."""

    key: str
    """Key of the measurement."""
    label: str
    short: str
    """Heading of a column."""
    about: str
    """One line."""


FIGURES = (
    Figure("D_t", "Test score D_t", "D_t", "mean score on test rows"),
    Figure("D_f", "Forget score D_f", "D_f", "mean score on forget rows"),
    Figure("D_r", "Retain score D_r", "D_r", "mean score on retain rows"),
    Figure("D_ood", "Out-of-distribution score", "OOD", "mean score on out-of-distribution rows"),
    Figure("knowledge_gap", "Knowledge gap", "KG", "AUC of retain against forget rows, right or wrong"),
    Figure("zero_retrain_forgetting", "Zero-retrain forgetting", "ZRF", "likeness to an untrained model"),
    Figure("membership", "Membership inference", "MIA", "AUC of the loss attack, forget against holdout rows"),
    Figure("overall_first", "Overall score, first form", "overall 1", "the paper's first overall score"),
    Figure("overall_later", "Overall score, later form", "overall 2", "the paper's later overall score"),
    Figure("wall_s", "Time of a call", "time, s", "wall seconds"),
    Figure("times_retraining", "Time, times retraining", "time ×", "processor seconds over retraining's"),
    Figure("flops_share", "FLOPs, times retraining", "FLOPs ×", "counted under --mu-budget alone"),
)
"""Every number, in the order in which they are shown."""


def figures(document: Document) -> dict[str, dict[str, Measurement]]:
    """Return every scenario's numbers, by scenario and key; scenarios without any are left out."""
    keys = {figure.key for figure in FIGURES}
    found: dict[str, dict[str, Measurement]] = {}
    for check in document.checks:
        for measurement in check.measurements:
            if measurement.key in keys and measurement.key is not None:
                found.setdefault(check.scenario, {})[measurement.key] = measurement
    return found
