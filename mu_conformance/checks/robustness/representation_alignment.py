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
    """Forget and holdout rows are represented as references represent them, as much as references agree with each other.

    Linear CKA (Kornblith et al. 2019, arXiv 1905.00414) of what the last layer is handed (``representations``),
    averaged over the references. A method that scatters the representation of what it forgets answers like a reference
    by chance alone. Below alone: models that share a start may agree more than independent ones do. 0.15 is three
    reference deviations where these spread most (0.05, sentiment); weights drawn anew fall 0.2 below on
    image_classification.
    """
    return compare(
        evidence,
        "CKA with references",
        representation.representation_alignment,
        Margin(floor=0.15),
        sides=Sides.BELOW,
        cause="The representation of these rows is destroyed and not one of a retrained model.",
    )
