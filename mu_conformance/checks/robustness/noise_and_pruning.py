"""robustness.noise-and-pruning"""

from __future__ import annotations

from mu_conformance.checks.catalogue import check
from mu_conformance.checks.comparison import join
from mu_conformance.checks.recovery import recovered
from mu_conformance.decision.finding import Finding
from mu_conformance.evidence.base import Evidence
from mu_conformance.protocol.claims import Guarantee


@check("robustness.noise-and-pruning", Evidence, guarantee=Guarantee.RETRAIN_EQUIVALENT)
def noise_and_pruning(evidence: Evidence) -> Finding:
    """Noise on the weights, or losing the smallest of them, brings back no more of the forget rows than of a reference.

    What was unlearned must not hang on a fine balance of weights. Decided on how much the loss attack's AUC gains from
    noise of a tenth of each matrix's spread, and from setting its smallest three tenths to 0
    (``treatments.perturbation``).
    """
    return join(
        *(
            recovered(evidence, treatment, how)
            for treatment, how in (("noised", "with noise"), ("pruned", "after pruning"))
        )
    )
