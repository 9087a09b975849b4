"""privacy.membership-rmia"""

from __future__ import annotations

from mu_conformance.checks.catalogue import check
from mu_conformance.checks.comparison import compare
from mu_conformance.checks.statistics import membership
from mu_conformance.decision.finding import Finding
from mu_conformance.decision.outcome import Sides
from mu_conformance.decision.rule import Margin
from mu_conformance.evidence.base import Evidence
from mu_conformance.protocol.claims import Guarantee

MARGIN = Margin(floor=0.1, fraction=0.5)
"""Largest tolerated difference to the references."""


@check(
    "privacy.membership-rmia",
    Evidence,
    guarantee=Guarantee.RETRAIN_EQUIVALENT,
    needs=("likelihood",),
)
def membership_rmia(evidence: Evidence) -> Finding:
    """RMIA, with the holdout rows as population, finds the forget rows as it does on references.

    **Why.** RMIA ranks each row against a population, so that it stays bounded where LiRA saturates (Zarifzadeh et al.
    2024, arXiv 2312.03262).

    **Decision.** The statistic is the mean RMIA score of the forget rows at gamma 1, with the references as out models.
    The comparison is one-sided: ratios of likelihoods below the references' depend on how sharp a recipe's outputs are,
    and other checks find rows that are pushed away. RMIA is the bluntest of the attacks. With 20 to 34 forget rows the
    effect size (Glass's delta) between originals and references is 3.5 to 4.7 (tabular, summarization). The margin is
    therefore half of the original-to-reference gap, and at least 0.1.

    **Level.** MUST: deleted data may survive in the outputs, where an attacker can find it.

    **If it fails.** Above the references: members can still be told row by row.

    **Try.** Lower the likelihood of every forget row, not only the mean.

    **References.** Zarifzadeh et al. 2024 (arXiv 2312.03262).
    """
    return compare(
        evidence,
        "RMIA score",
        membership.rmia_score,
        MARGIN,
        sides=Sides.ABOVE,
        cause="Members can still be told row by row.",
    )
