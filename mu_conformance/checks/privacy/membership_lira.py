"""privacy.membership-lira"""

from __future__ import annotations

from mu_conformance.checks.catalogue import check
from mu_conformance.checks.comparison import compare, with_reports
from mu_conformance.checks.statistics import membership
from mu_conformance.decision.finding import Finding
from mu_conformance.decision.rule import Margin
from mu_conformance.evidence.base import Evidence
from mu_conformance.protocol.claims import Guarantee

MARGIN = Margin(floor=0.05, fraction=0.25)
"""Largest tolerated difference to the references."""


@check("privacy.membership-lira", Evidence, guarantee=Guarantee.RETRAIN_EQUIVALENT)
def membership_lira(evidence: Evidence) -> Finding:
    """Offline LiRA finds the forget rows no more like members than it does on references.

    **Why.** LiRA attacks row by row, with models that never saw the row (out models) as the comparison (Carlini et al.
    2022).

    **Decision.** The statistic is the mean LiRA score of forget rows less that of holdout rows, with the references as
    out models. Confidences are standardised inside each model by those on holdout rows, because another recipe makes
    all of them larger alike. A reference is scored against the other references only. The AUC of the attack is
    reported, but nothing is decided on it. On rows that references agree about, the AUC saturates, and its spread
    between seeds is several times wider. On mislabelled snippets the effect size (Glass's delta) is 4.7 for the AUC,
    against 28 for the score. The comparison is two-sided. The margin is a quarter of the original-to-reference gap, and
    at least 0.05.

    **Level.** MUST: deleted data may survive in the outputs, where an attacker can find it.

    **If it fails.** Above the references: members can still be told row by row. Below the references: the deleted rows
    stand out, so that the method over-forgets.

    **Try.** To forget more, take more steps on the rows that the model is surest of. To forget less, stop the ascent
    row by row, not for all rows at once.

    **References.** Carlini et al. 2022.
    """
    finding = compare(
        evidence,
        "LiRA score",
        membership.lira_score,
        MARGIN,
        cause="Above the references: members can still be told row by row; below: the deleted rows stand out.",
    )
    return with_reports(finding, evidence, {"LiRA AUC": membership.lira_auc})
