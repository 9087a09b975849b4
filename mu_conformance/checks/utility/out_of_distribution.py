"""utility.out-of-distribution"""

from __future__ import annotations

from mu_conformance.checks.catalogue import check
from mu_conformance.checks.comparison import compare
from mu_conformance.checks.statistics import utility
from mu_conformance.decision.finding import Finding
from mu_conformance.decision.outcome import Sides
from mu_conformance.decision.rule import Margin
from mu_conformance.evidence.base import Evidence


@check("utility.out-of-distribution", Evidence, applies=lambda task, kind: task.has_ood)
def out_of_distribution(evidence: Evidence) -> Finding:
    """The score on rows from elsewhere is no worse than the references'.

    MU-Bench's D_ood (arXiv 2406.14796). One-sided. Twelve points: what models make of rows from elsewhere depends on
    the seed far more than their test scores do (a reference deviation of 0.07 in relation_extraction, 0.02 on its test
    rows).
    """
    return compare(
        evidence,
        "out-of-distribution score",
        utility.ood_score,
        Margin(floor=0.12),
        sides=Sides.BELOW,
        cause="The method damages what generalised beyond the training data.",
    )
