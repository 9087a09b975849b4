"""robustness.representation-probe"""

from __future__ import annotations

from mu_conformance.checks.catalogue import check
from mu_conformance.checks.recovery import recovered
from mu_conformance.decision.finding import Finding
from mu_conformance.evidence.base import Evidence
from mu_conformance.protocol.claims import Guarantee


@check("robustness.representation-probe", Evidence, guarantee=Guarantee.RETRAIN_EQUIVALENT, needs=("classes",))
def representation_probe(evidence: Evidence) -> Finding:
    """A last layer fitted anew on retain rows brings back no more of the forget rows than of a reference.

    **Why.** A method that changes the last layer alone passes every check of outputs.

    **Decision.** The recovery attack fits a new last layer on retain rows (``evidence.recovery.probe``). The statistic
    is the AUC that the loss attack gains from the new layer. The comparison is one-sided: a fall means that nothing was
    hidden. The margin is ``checks.recovery.MARGIN``, as for the other recovery attacks.

    **Level.** MUST: deleted data may survive in the weights.

    **If it fails.** Above the references: the layers before the last still hold the rows.

    **Try.** Unlearn in all layers, not in the last alone.

    **References.** None.
    """
    return recovered(evidence, "probed", "with a new last layer")
