"""robustness.quantization"""

from __future__ import annotations

from mu_conformance.checks.catalogue import check
from mu_conformance.checks.comparison import join
from mu_conformance.checks.recovery import recovered
from mu_conformance.decision.finding import Finding
from mu_conformance.evidence.base import Evidence
from mu_conformance.protocol.claims import Guarantee


@check("robustness.quantization", Evidence, guarantee=Guarantee.RETRAIN_EQUIVALENT)
def quantization(evidence: Evidence) -> Finding:
    """Weights rounded to 8 or 4 bits bring back no more of the forget rows than they do of a reference.

    Quantization can undo small changes of the weights (Zhang et al. 2024, arXiv 2410.16454: 21 % of the forgotten
    knowledge in full precision, 83 % at 4 bits). Decided on how much the loss attack's AUC gains from a round trip
    through int8 and through 4-bit NormalFloat (``treatments.quantization``).
    """
    return join(*(recovered(evidence, bits, how) for bits, how in (("int8", "at 8 bits"), ("nf4", "at 4 bits"))))
