"""utility.retain-score"""

from __future__ import annotations

from mu_conformance.checks.catalogue import Subject, check
from mu_conformance.checks.comparison import compare
from mu_conformance.checks.statistics import forgetting as statistics
from mu_conformance.decision.finding import Finding
from mu_conformance.decision.rule import Margin, Sides
from mu_conformance.evidence.base import Evidence


@check("utility.retain-score", Subject.EVIDENCE)
def retain_score(evidence: Evidence) -> Finding:
    """The score on retain rows is no worse than the references'.

    MU-Bench's D_r. One-sided. The models fit their retain rows almost exactly, so five points are far outside the
    references' spread.
    """
    return compare(
        evidence,
        "retain score",
        statistics.retain_score,
        Margin(floor=0.05),
        sides=Sides.BELOW,
        cause="Rows that nobody asked to delete were forgotten too.",
    )
