"""utility.out-of-distribution"""

from __future__ import annotations

from mu_conformance.checks.catalogue import check
from mu_conformance.checks.comparison import compare
from mu_conformance.checks.statistics import utility
from mu_conformance.decision.finding import Finding
from mu_conformance.decision.outcome import Sides
from mu_conformance.decision.rule import Margin
from mu_conformance.evidence.base import Evidence


@check("utility.out-of-distribution", Evidence, applies=lambda task, kind: task.has_ood)
def out_of_distribution(evidence: Evidence) -> Finding:
    """The score on out-of-distribution rows is no worse than the references'.

    **Why.** The score is MU-Bench's D_ood (arXiv 2406.14796). A method can damage what generalised beyond the training
    data.

    **Decision.** The statistic is the mean score on out-of-distribution rows. The comparison is one-sided: a better
    score harms nobody. The margin is twelve points, because scores on these rows depend on the seed far more than test
    scores do. In relation_extraction the reference deviation is 0.07 on these rows, and 0.02 on test rows.

    **Level.** MUST: a model that lost its use is unusable to its caller.

    **If it fails.** Below the references: the method damages what generalised beyond the training data.

    **Try.** Reduce the steps, or stay nearer the original on retain rows.

    **References.** Cheng & Amiri 2024 (MU-Bench, arXiv 2406.14796).
    """
    return compare(
        evidence,
        "out-of-distribution score",
        utility.ood_score,
        Margin(floor=0.12),
        sides=Sides.BELOW,
        cause="The method damages what generalised beyond the training data.",
        key="D_ood",
    )
