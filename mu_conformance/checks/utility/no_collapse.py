"""utility.no-collapse"""

from __future__ import annotations

from mu_conformance.checks.catalogue import check
from mu_conformance.checks.comparison import compare
from mu_conformance.checks.statistics import utility
from mu_conformance.decision.finding import Finding
from mu_conformance.decision.outcome import Sides
from mu_conformance.decision.rule import Margin
from mu_conformance.evidence.base import Evidence


@check("utility.no-collapse", Evidence)
def no_collapse(evidence: Evidence) -> Finding:
    """The model has not collapsed onto one class.

    MU-Bench's overall score ranks a model that always predicts the majority class above exact retraining: its
    published speech results have two of them. The share of test rows that get the most predicted class may exceed the
    references' by 0.2 at most; a collapsed model has share 1.
    """
    return compare(
        evidence,
        "largest prediction share",
        utility.largest_prediction_share,
        Margin(floor=0.2),
        sides=Sides.ABOVE,
        cause="The model predicts one class for almost everything.",
    )
