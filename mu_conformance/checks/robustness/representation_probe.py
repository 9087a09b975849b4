"""robustness.representation-probe"""

from __future__ import annotations

from mu_conformance.checks.catalogue import check
from mu_conformance.checks.recovery import recovered
from mu_conformance.decision.finding import Finding
from mu_conformance.evidence.base import Evidence
from mu_conformance.protocol.claims import Guarantee


@check("robustness.representation-probe", Evidence, guarantee=Guarantee.RETRAIN_EQUIVALENT, needs=("classes",))
def representation_probe(evidence: Evidence) -> Finding:
    """A last layer fitted anew, on retain rows, brings back no more of the forget rows than it does of a reference.

    A method that changes the last layer alone passes every look at answers. Decided on how much the loss attack's AUC
    gains from the new layer (``treatments.probe``).
    """
    return recovered(evidence, "probed", "with a new last layer")
