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

MARGIN = Margin(floor=0.75, fraction=1 / 3)
"""Largest tolerated difference to the references."""


@check(
    "privacy.worst-rows",
    Evidence,
    guarantee=Guarantee.RETRAIN_EQUIVALENT,
    applies=lambda task, kind: "convex" not in task.features,
)
def worst_rows(evidence: Evidence) -> Finding:
    """The forget rows most like members are found no more than the holdout rows most like members.

    **Why.** Averages overstate protection (Hayes et al. 2024, arXiv 2403.01218; Aerni et al. 2024, arXiv 2404.17399). A
    method that leaves a tenth of the rows behind passes them.

    **Decision.** The statistic is the mean offline LiRA score of the tenth of the forget rows with the largest scores.
    The same mean of the holdout rows is subtracted. The comparison is one-sided: other checks find rows that are pushed
    away. The margin is a third of the original-to-reference gap, and at least 0.75 deviations. With 16 runs that is 5
    standard errors where forget rows are few. The check is left out where the task is convex. Models then agree on
    every row except for rounding, and each row is an outlier.

    **Level.** MUST: deleted data may survive for some of the rows.

    **If it fails.** Above the references: some of the rows are remembered, though not the average row. Usual causes are
    a skipped share of the rows, and hard rows that need more steps.

    **Try.** Treat every forget row. Take further steps on the rows with the lowest loss.

    **References.** Hayes et al. 2024 (arXiv 2403.01218). Aerni et al. 2024 (arXiv 2404.17399).
    """
    return compare(
        evidence,
        "LiRA score of the worst tenth",
        membership.worst_rows_score,
        MARGIN,
        sides=Sides.ABOVE,
        cause="Some of the rows are remembered, though not the average row.",
    )
