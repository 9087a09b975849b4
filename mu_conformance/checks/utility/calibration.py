"""utility.calibration"""

from __future__ import annotations

from mu_conformance.checks.catalogue import check
from mu_conformance.checks.comparison import compare
from mu_conformance.checks.statistics import utility
from mu_conformance.decision.finding import Finding
from mu_conformance.decision.outcome import Sides
from mu_conformance.decision.rule import Margin
from mu_conformance.evidence.base import Evidence


@check("utility.calibration", Evidence, needs=("classes",))
def calibration(evidence: Evidence) -> Finding:
    """Probabilities on test rows are as well calibrated as the references'.

    Expected calibration error in 10 bins (Guo et al. 2017, arXiv 1706.04599). One-sided, five points: a method that
    only blurs or sharpens confidences keeps every accuracy. The references' spread is 0.01 to 0.025.
    """
    return compare(
        evidence,
        "calibration error",
        utility.calibration_error,
        Margin(floor=0.05),
        sides=Sides.ABOVE,
        cause="Confidences no longer say how often the model is right.",
    )
