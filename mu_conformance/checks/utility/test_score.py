"""utility.test-score"""

from __future__ import annotations

from mu_conformance.checks.catalogue import check
from mu_conformance.checks.comparison import compare, with_reports
from mu_conformance.checks.mu_bench import KEYS, mu_bench
from mu_conformance.checks.statistics import utility
from mu_conformance.decision.finding import Finding
from mu_conformance.decision.outcome import Sides
from mu_conformance.decision.rule import Margin
from mu_conformance.evidence.base import Evidence


@check("utility.test-score", Evidence)
def test_score(evidence: Evidence) -> Finding:
    """The score on test rows is no worse than the references'.

    **Why.** The score is MU-Bench's D_t. The model must still do what it was trained for.

    **Decision.** The statistic is the mean score on test rows. The comparison is one-sided: a better score harms
    nobody. The margin is five points of accuracy. The references of the embedded tasks spread by one to three points.
    The margin exceeds that spread by five standard errors at the last look. The other figures of MU-Bench are reported
    beside it.

    **Level.** MUST: a model that lost its use is unusable to its caller.

    **If it fails.** Below the references: the method damages what the model was trained for.

    **Try.** Reduce the steps on forget rows, or train on retain rows as well.

    **References.** Cheng & Amiri 2024 (MU-Bench, arXiv 2406.14796).
    """
    finding = compare(
        evidence,
        "test score",
        utility.test_score,
        Margin(floor=0.05),
        sides=Sides.BELOW,
        cause="The method damages what the model was trained for.",
        key="D_t",
    )
    return with_reports(finding, evidence, mu_bench(evidence), KEYS)
