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

    **Why.** A method that only blurs or sharpens confidences keeps every accuracy.

    **Decision.** The statistic is the expected calibration error in 10 bins (Guo et al. 2017, arXiv 1706.04599). The
    comparison is one-sided: a smaller error harms nobody. The margin is five points. The references' spread is 0.01 to
    0.025.

    **Level.** MUST: a caller who relies on confidences cannot use a model whose confidences are wrong.

    **If it fails.** Above the references: confidences no longer say how often the model is right. Usual causes are
    targets of uniform probabilities, and a temperature on the last layer.

    **Try.** Train on retain rows with their labels, and do not rescale the last layer. Bound the steps towards uniform
    targets.

    **References.** Guo et al. 2017 (arXiv 1706.04599).
    """
    return compare(
        evidence,
        "calibration error",
        utility.calibration_error,
        Margin(floor=0.05),
        sides=Sides.ABOVE,
        cause="Confidences no longer say how often the model is right.",
    )
