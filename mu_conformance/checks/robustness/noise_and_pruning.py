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
    """Noise on the weights, or pruning the smallest, brings back no more of the forget rows than of a reference.

    **Why.** Forgetting must not depend on a fine balance of weights.

    **Decision.** Two recovery attacks are decided separately. One adds noise of a tenth of each matrix's spread. The
    other sets the smallest three tenths of each matrix to 0 (``evidence.recovery.perturbation``). The statistic is the
    AUC that the loss attack gains from each attack. The comparison is one-sided: a fall means that nothing was hidden.
    The margin is ``checks.recovery.MARGIN``, as for the other recovery attacks.

    **Level.** MUST: deleted data may survive in the weights.

    **If it fails.** Above the references: the rows were hidden by small changes of the weights, which the attack
    undoes.

    **Try.** Train longer, or change the weights that hold the rows.

    **References.** None.
    """
    return join(
        *(recovered(evidence, attack, how) for attack, how in (("noised", "with noise"), ("pruned", "after pruning")))
    )
