"""contract.claims"""

from __future__ import annotations

from mu_conformance.checks.catalogue import check
from mu_conformance.decision.finding import Finding
from mu_conformance.evidence.coverage import Coverage


@check("contract.claims", Coverage)
def claims(coverage: Coverage) -> Finding:
    """The claims cover something that the profile judges: at least one forgetting and one utility check.

    A method that claims nothing keeps every promise; that is not conformance.
    """
    families = {id.partition(".")[0] for id in coverage.required}
    if {"forgetting", "utility"} <= families:
        return Finding.passed()
    return Finding.failed(
        "the claims cover no scenario of this run (tasks "
        f"{coverage.claims.tasks}, modalities {coverage.claims.modalities}, largest ratio {coverage.claims.max_ratio:g}); "
        "claim what the method is for, or judge it on a task that it claims"
    )
