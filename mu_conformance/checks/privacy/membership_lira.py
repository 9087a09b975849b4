"""privacy.membership-lira"""

from __future__ import annotations

from mu_conformance.checks.catalogue import check
from mu_conformance.checks.comparison import compare, with_reports
from mu_conformance.checks.statistics import membership
from mu_conformance.decision.finding import Finding
from mu_conformance.decision.rule import Margin
from mu_conformance.evidence.base import Evidence
from mu_conformance.protocol.claims import Guarantee


@check("privacy.membership-lira", Evidence, guarantee=Guarantee.RETRAIN_EQUIVALENT)
def membership_lira(evidence: Evidence) -> Finding:
    """Offline LiRA, with the references as out models, finds the forget rows no more like members than references do.

    Carlini et al. 2022. Decided on the mean score of forget rows less that of holdout rows: the attack's AUC is
    reported, but on rows that references agree about it saturates and its spread between seeds is several times wider
    (4.7 against 28 deviations on mislabelled snippets). A reference is scored against the other references only.
    """
    finding = compare(
        evidence,
        "LiRA score",
        membership.lira_score,
        Margin(floor=0.05, fraction=0.25),
        cause="Above the references: members can still be told row by row; below: the deleted rows stand out.",
    )
    return with_reports(finding, evidence, {"LiRA AUC": membership.lira_auc})
