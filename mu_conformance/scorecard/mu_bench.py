"""MU-Bench's own numbers (Cheng & Amiri 2024, arXiv 2406.14796) of a scorecard, beside originals and references."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from mu_conformance.decision.finding import Measurement
from mu_conformance.scorecard.document import Check, Document

__all__ = ["FIGURES", "Figure", "figures", "of_scenario", "scenarios"]


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


def scenarios(document: Document) -> list[str]:
    """Return the scenarios that have any of the numbers, in the order of the checks."""
    keys = {figure.key for figure in FIGURES}
    return list(
        dict.fromkeys(check.scenario for check in document.checks for found in check.measurements if found.key in keys)
    )


def of_scenario(checks: Iterable[Check], scenario: str) -> dict[str, Measurement]:
    """Return a scenario's numbers by key."""
    keys = {figure.key for figure in FIGURES}
    return {
        found.key: found
        for check in checks
        if check.scenario == scenario
        for found in check.measurements
        if found.key in keys and found.key is not None
    }


def figures(document: Document) -> dict[str, dict[str, Measurement]]:
    """Return every scenario's numbers: by scenario and key."""
    return {scenario: of_scenario(document.checks, scenario) for scenario in scenarios(document)}
