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
    """Weights rounded to 8 or 4 bits bring back no more of the forget rows than of a reference.

    **Why.** Quantization can undo small changes of the weights. Zhang et al. 2024 (arXiv 2410.16454) report 21 % of the
    forgotten knowledge in full precision, and 83 % at 4 bits.

    **Decision.** Two recovery attacks are decided separately: a round trip through int8, and one through 4-bit
    NormalFloat (``evidence.recovery.quantization``). The statistic is the AUC that the loss attack gains from each
    round trip. The comparison is one-sided: a fall means that nothing was hidden. The margin is
    ``checks.recovery.MARGIN``, as for the other recovery attacks.

    **Level.** MUST: deleted data may survive in the weights.

    **If it fails.** Above the references: the changes of the weights are smaller than a rounding step, so that rounding
    restores the original.

    **Try.** Take larger steps, or train longer.

    **References.** Zhang et al. 2024 (arXiv 2410.16454).
    """
    return join(*(recovered(evidence, bits, how) for bits, how in (("int8", "at 8 bits"), ("nf4", "at 4 bits"))))
