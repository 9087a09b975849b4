"""privacy.membership-rmia"""

from __future__ import annotations

from mu_conformance.checks.catalogue import check
from mu_conformance.checks.comparison import compare
from mu_conformance.checks.statistics import membership
from mu_conformance.decision.finding import Finding
from mu_conformance.decision.rule import Margin
from mu_conformance.evidence.base import Evidence
from mu_conformance.protocol.claims import Guarantee


@check(
    "privacy.membership-rmia",
    Evidence,
    guarantee=Guarantee.RETRAIN_EQUIVALENT,
    needs=("likelihood",),
)
def membership_rmia(evidence: Evidence) -> Finding:
    """RMIA, with the references as out models and the holdout rows as population, finds forget rows as references do.

    Zarifzadeh et al. 2024 (arXiv 2312.03262), two-sided; decided on the mean score of the forget rows, at gamma 1. It
    ranks each row against the population, so it stays bounded where LiRA saturates, and is the bluntest of the attacks:
    with 20 to 34 forget rows originals lie 3.5 to 4.7 reference deviations away (tabular, summarization), hence half of
    the gap.
    """
    return compare(
        evidence,
        "RMIA score",
        membership.rmia_score,
        Margin(floor=0.1, fraction=0.5),
        cause="Above the references: members can still be told row by row; below: the deleted rows stand out.",
    )
