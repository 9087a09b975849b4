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
    """The forget rows do not stand out by being treated all alike, or wildly.

    **Why.** Driving rows to one output marks them, though their average may be right. The effect is known as the
    Streisand effect (Golatkar et al. 2020, arXiv 1911.04933).

    **Decision.** The statistic is the spread of confidences over the forget rows, as a multiple of that over the
    holdout rows, as a log. The comparison is two-sided. The margin is 0.4 (a factor of 1.5) whatever the gap. A share
    of the gap would be too wide. Originals are sure of all their rows, and spread by a factor of 2 to 150 less.

    **Level.** MUST: outputs on the forget rows tell an attacker which rows were deleted.

    **If it fails.** Above the references: some forget rows were pushed far away. Below the references: all forget rows
    get the same output.

    **Try.** Bound the loss of each row. Do not train the forget rows towards one output, such as uniform probabilities.

    **References.** Golatkar et al. 2020 (arXiv 1911.04933).
    """
    return compare(
        evidence,
        "log spread of confidences",
        membership.confidence_spread,
        Margin(floor=0.4),
        cause="Below the references: all forget rows get the same answer; above: some were pushed far away.",
    )
