"""utility.calibration"""

from __future__ import annotations

import dataclasses

from mu_conformance.checks.catalogue import check
from mu_conformance.checks.comparison import compare, join
from mu_conformance.checks.statistics import utility
from mu_conformance.decision.finding import Finding
from mu_conformance.decision.outcome import Level, Outcome, Sides
from mu_conformance.decision.rule import Margin
from mu_conformance.evidence.base import Evidence


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
    found = [
        compare(
            evidence,
            name,
            statistic,
            Margin(floor=0.05),
            sides=Sides.ABOVE,
            cause="Confidences no longer say how often the model is right.",
        )
        for name, statistic in (
            ("calibration error at the best temperature", utility.matched_calibration_error),
            ("calibration error", utility.calibration_error),
        )
    ]
    both = join(*found)
    # What one temperature puts right is a recommendation.
    return dataclasses.replace(both, level=Level.SHOULD) if found[0].outcome is Outcome.PASSED else both
