"""privacy.worst-rows"""

from __future__ import annotations

from mu_conformance.checks.catalogue import check
from mu_conformance.checks.comparison import compare
from mu_conformance.checks.statistics import membership
from mu_conformance.decision.finding import Finding
from mu_conformance.decision.outcome import Sides
from mu_conformance.decision.rule import Margin
from mu_conformance.evidence.base import Evidence
from mu_conformance.protocol.claims import Guarantee


@check(
    "privacy.worst-rows",
    Evidence,
    guarantee=Guarantee.RETRAIN_EQUIVALENT,
    applies=lambda task, kind: "convex" not in task.features,
)
def worst_rows(evidence: Evidence) -> Finding:
    """The forget rows that are found most like members are found no more so than holdout rows are.

    Averages overstate protection (Hayes et al. 2024, arXiv 2403.01218; Aerni et al. 2024, arXiv 2404.17399): a method
    that leaves a tenth of the rows behind passes them. Decided on the mean offline LiRA score of the tenth of the
    forget rows with the largest, less that of the holdout rows'. One-sided: rows pushed away are found by the other
    checks. A third of the gap, and 0.75 deviations at least: 5 standard errors with 16 runs where forget rows are few.
    Left out where the task is convex: models agree on every row but for rounding, and each is an outlier.
    """
    return compare(
        evidence,
        "LiRA score of the worst tenth",
        membership.worst_rows_score,
        Margin(floor=0.75, fraction=1 / 3),
        sides=Sides.ABOVE,
        cause="Some of the rows are remembered, though not the average row.",
    )
