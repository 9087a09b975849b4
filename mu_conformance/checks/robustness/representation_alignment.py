"""robustness.representation-alignment"""

from __future__ import annotations

from mu_conformance.checks.catalogue import check
from mu_conformance.checks.comparison import compare
from mu_conformance.checks.statistics import representation
from mu_conformance.decision.finding import Finding
from mu_conformance.decision.outcome import Sides
from mu_conformance.decision.rule import Margin
from mu_conformance.evidence.base import Evidence
from mu_conformance.protocol.claims import Guarantee


@check("robustness.representation-alignment", Evidence, guarantee=Guarantee.RETRAIN_EQUIVALENT)
def representation_alignment(evidence: Evidence) -> Finding:
    """Representations of forget and holdout rows agree with references' as references' do with each other.

    **Why.** A method that scatters the representation of the forget rows answers like a reference by chance alone.

    **Decision.** The statistic is linear CKA (Kornblith et al. 2019, arXiv 1905.00414) of the inputs of the last layer
    (``evidence.representations``), averaged over the references. The comparison is one-sided: only lower alignment
    counts, because models that share a start may agree more than independent ones do. The margin is 0.15. Where
    references spread most (0.05, sentiment), that is three reference deviations. New random weights fall 0.2 below on
    image_classification.

    **Level.** MUST: a claim of equivalence to retraining cannot be believed if representations are destroyed.

    **If it fails.** Below the references: the representation of these rows is destroyed, not that of a retrained model.
    Usual causes are a loss on hidden states that pushes them to random targets, and resets of whole layers.

    **Try.** Do not push hidden states to random targets. After a reset of layers, train on retain rows until these
    layers work again.

    **References.** Kornblith et al. 2019 (arXiv 1905.00414).
    """
    return compare(
        evidence,
        "CKA with references",
        representation.representation_alignment,
        Margin(floor=0.15),
        sides=Sides.BELOW,
        cause="The representation of these rows is destroyed and not one of a retrained model.",
    )
