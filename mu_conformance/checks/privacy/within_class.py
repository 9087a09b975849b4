"""privacy.within-class"""

from __future__ import annotations

from mu_conformance.checks.catalogue import check
from mu_conformance.checks.comparison import compare
from mu_conformance.checks.statistics import membership
from mu_conformance.decision.finding import Finding
from mu_conformance.decision.rule import Margin
from mu_conformance.evidence.base import Evidence
from mu_conformance.protocol.claims import Guarantee

MARGIN = Margin(floor=0.02, fraction=1 / 3)
"""Largest tolerated difference to the references."""


@check("privacy.within-class", Evidence, guarantee=Guarantee.RETRAIN_EQUIVALENT, needs=("classes",))
def within_class(evidence: Evidence) -> Finding:
    """Among rows of one class, forget rows are told from holdout rows no better than by references.

    **Why.** A change to a class as a whole, such as a lower bias of the last layer, moves all of its rows alike. The
    change hides them from every comparison with other classes. On deletion of a digit, the AUC within the class is 0.89
    for originals and 0.47 for models that never saw the digit. A model that hides the digit by its bias has an AUC of
    0.87.

    **Decision.** The statistic is the AUC of the loss attack (Yeom et al. 2018) on pairs of rows with the same label.
    The comparison is two-sided. The margin is a third of the original-to-reference gap, and at least 0.02, because
    pairs are few where a class is small.

    **Level.** MUST: deleted data may survive in the outputs, where an attacker can find it.

    **If it fails.** Above the references: members can be told from others of their class. Usually the class was hidden
    as a whole, not forgotten. Below the references: the deleted rows stand out.

    **Try.** To forget more, change all layers, not the last layer's bias. To forget less, bound the loss of each row.

    **References.** Yeom et al. 2018.
    """
    return compare(
        evidence,
        "loss attack AUC within classes",
        membership.within_class_auc,
        MARGIN,
        cause="Above the references: members can be told from others of their class; "
        "below: the deleted rows stand out.",
    )
