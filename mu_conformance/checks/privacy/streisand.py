"""privacy.streisand"""

from __future__ import annotations

from mu_conformance.checks.catalogue import check
from mu_conformance.checks.comparison import compare
from mu_conformance.checks.statistics import membership
from mu_conformance.decision.finding import Finding
from mu_conformance.decision.rule import Margin
from mu_conformance.evidence.base import Evidence


@check("privacy.streisand", Evidence)
def streisand(evidence: Evidence) -> Finding:
    """The forget rows do not stand out among rows that were never seen by being treated all alike, or wildly.

    Driving rows to one answer marks them (the Streisand effect: Golatkar et al. 2020, arXiv 1911.04933), though their
    average may be right. Decided on the spread of confidences over the forget rows as a multiple of that over the
    holdout rows, as a log. Two-sided, 0.4 (a factor of 1.5), whatever the gap: originals, sure of all their rows,
    spread by a factor of 2 to 150 less.
    """
    return compare(
        evidence,
        "log spread of confidences",
        membership.confidence_spread,
        Margin(floor=0.4),
        cause="Below the references: all forget rows get the same answer; above: some were pushed far away.",
    )
