"""utility.test-score"""

from __future__ import annotations

from mu_conformance.checks.catalogue import check
from mu_conformance.checks.comparison import compare, with_reports
from mu_conformance.checks.mu_bench import mu_bench
from mu_conformance.checks.statistics import utility
from mu_conformance.decision.finding import Finding
from mu_conformance.decision.outcome import Sides
from mu_conformance.decision.rule import Margin
from mu_conformance.evidence.base import Evidence


@check("utility.test-score", Evidence)
def test_score(evidence: Evidence) -> Finding:
    """The score on test rows is no worse than the references'.

    MU-Bench's D_t. One-sided: a better score harms nobody. Five points of accuracy are tolerated; the references of
    the embedded tasks spread by one to three, which this margin exceeds by five standard errors at the last look. What
    else MU-Bench reports is reported beside it.
    """
    finding = compare(
        evidence,
        "test score",
        utility.test_score,
        Margin(floor=0.05),
        sides=Sides.BELOW,
        cause="The method damages what the model was trained for.",
    )
    return with_reports(finding, evidence, mu_bench(evidence))
