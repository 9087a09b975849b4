"""privacy.membership-loss"""

from __future__ import annotations

from mu_conformance.checks.catalogue import check
from mu_conformance.checks.comparison import compare
from mu_conformance.checks.statistics import membership
from mu_conformance.decision.finding import Finding
from mu_conformance.decision.rule import Margin
from mu_conformance.evidence.base import Evidence
from mu_conformance.protocol.claims import Guarantee


@check("privacy.membership-loss", Evidence, guarantee=Guarantee.RETRAIN_EQUIVALENT)
def membership_loss(evidence: Evidence) -> Finding:
    """The loss attack tells forget from holdout rows as well as it does on models that never saw the forget rows.

    Yeom et al. 2018; the target is the references' own AUC (0.5 only where forget and holdout rows are alike), and an
    AUC far below leaks too. Paired inside the model and rank-based, this is the sharpest statistic of most scenarios,
    so its margin is a fifth of the gap.
    """
    return compare(
        evidence,
        "loss attack AUC",
        membership.loss_auc,
        Margin(floor=0.01, fraction=0.2),
        cause="Above the references: members can still be told; below: the deleted rows stand out.",
    )
