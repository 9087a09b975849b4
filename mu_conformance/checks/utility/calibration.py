"""utility.calibration"""

from __future__ import annotations

from mu_conformance.checks.catalogue import check
from mu_conformance.checks.comparison import advise, compare
from mu_conformance.checks.statistics import utility
from mu_conformance.decision.finding import Finding
from mu_conformance.decision.outcome import Sides
from mu_conformance.decision.rule import Margin
from mu_conformance.evidence.base import Evidence

MARGIN = Margin(floor=0.05)
"""Largest tolerated difference to the references."""


@check("utility.calibration", Evidence, needs=("classes",), partly_should=True)
def calibration(evidence: Evidence) -> Finding:
    """Probabilities on test rows are as well calibrated as the references'.

    **Why.** A method that blurs or sharpens the confidences of some rows keeps every accuracy.

    **Decision.** The statistic is the expected calibration error in 10 bins (Guo et al. 2017, arXiv 1706.04599), at the
    temperature that fits the model's probabilities on holdout rows best. A temperature of all rows alike is the
    recipe's, and is easily undone. The comparison is one-sided: a smaller error harms nobody. The margin is five
    points. The references' spread is 0.01 to 0.025. The error without a temperature is compared likewise, and a failure
    of it alone is a recommendation.

    **Level.** MUST: a caller who relies on confidences cannot use a model whose confidences are wrong. SHOULD where one
    temperature puts them right.

    **If it fails.** Above the references: confidences no longer say how often the model is right. Usual causes are
    targets of uniform probabilities, and a temperature on the last layer.

    **Try.** Train on retain rows with their labels, and do not rescale the last layer. Bound the steps towards uniform
    targets.

    **References.** Guo et al. 2017 (arXiv 1706.04599).
    """
    found = compare(
        evidence,
        "calibration error at the best temperature",
        utility.matched_calibration_error,
        MARGIN,
        sides=Sides.ABOVE,
        cause="Confidences no longer say how often the model is right.",
    )
    why = "one temperature of all rows puts it right"
    return advise(found, evidence, "calibration error", utility.calibration_error, MARGIN.floor, why)
