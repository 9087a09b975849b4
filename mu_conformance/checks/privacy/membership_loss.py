"""privacy.membership-loss"""

from __future__ import annotations

from mu_conformance.checks.catalogue import check
from mu_conformance.checks.comparison import compare
from mu_conformance.checks.statistics import membership
from mu_conformance.decision.finding import Finding
from mu_conformance.decision.rule import Margin
from mu_conformance.evidence.base import Evidence
from mu_conformance.protocol.claims import Guarantee

MARGIN = Margin(floor=0.01, fraction=0.2)
"""Largest tolerated difference to the references."""


@check("privacy.membership-loss", Evidence, guarantee=Guarantee.RETRAIN_EQUIVALENT)
def membership_loss(evidence: Evidence) -> Finding:
    """The loss attack tells forget from holdout rows as well as on models that never saw the forget rows.

    **Why.** The loss attack is the simplest membership attack (Yeom et al. 2018). An AUC far below the references'
    leaks too.

    **Decision.** The statistic is the AUC of the loss attack, forget rows against holdout rows. The target is the
    references' own AUC, which is 0.5 only where forget and holdout rows are alike. The comparison is two-sided. The
    margin is a fifth of the original-to-reference gap, and at least 0.01. The statistic is paired inside the model and
    based on ranks, which makes it the sharpest of most scenarios.

    **Level.** MUST: deleted data may survive in the outputs, where an attacker can find it.

    **If it fails.** Above the references: members can still be told. Below the references: the deleted rows stand out,
    so that the method over-forgets.

    **Try.** To forget more, take more steps on the forget rows. To forget less, bound the ascent, or stop at the loss
    of rows that were never trained on.

    **References.** Yeom et al. 2018.
    """
    return compare(
        evidence,
        "loss attack AUC",
        membership.loss_auc,
        MARGIN,
        cause="Above the references: members can still be told; below: the deleted rows stand out.",
        key="membership",
    )
