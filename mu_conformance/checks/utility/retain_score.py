"""utility.retain-score"""

from __future__ import annotations

from mu_conformance.checks.catalogue import check
from mu_conformance.checks.comparison import compare
from mu_conformance.checks.statistics import utility
from mu_conformance.decision.finding import Finding
from mu_conformance.decision.outcome import Sides
from mu_conformance.decision.rule import Margin
from mu_conformance.evidence.base import Evidence


@check("utility.retain-score", Evidence)
def retain_score(evidence: Evidence) -> Finding:
    """The score on retain rows is no worse than the references'.

    MU-Bench's D_r. One-sided. The models fit their retain rows almost exactly, so five points are far outside the
    references' spread.
    """
    return compare(
        evidence,
        "retain score",
        utility.retain_score,
        Margin(floor=0.05),
        sides=Sides.BELOW,
        cause="Rows that nobody asked to delete were forgotten too.",
    )
