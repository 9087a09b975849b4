"""contract.claims"""

from __future__ import annotations

from mu_conformance.checks.catalogue import check
from mu_conformance.decision.finding import Finding
from mu_conformance.evidence.coverage import Coverage


@check("contract.claims", Coverage)
def claims(coverage: Coverage) -> Finding:
    """The claims cover at least one forgetting check and one utility check of this run.

    **Why.** A method that claims nothing keeps every promise. Passing without a claim is not conformance.

    **Decision.** The required checks are grouped by family. The forgetting family and the utility family must both
    occur among them.

    **Level.** MUST: a claim that covers no scenario cannot be believed.

    **If it fails.** The claimed tasks, modalities or largest ratio exclude every scenario of this run.

    **Try.** Claim what the method is for: widen ``tasks``, ``modalities`` or ``max_ratio``. Otherwise judge the method
    on a task that it claims.

    **References.** None.
    """
    families = {id.partition(".")[0] for id in coverage.required}
    if {"forgetting", "utility"} <= families:
        return Finding.passed()
    return Finding.failed(
        "the claims cover no scenario of this run (tasks "
        f"{coverage.claims.tasks}, modalities {coverage.claims.modalities}, "
        f"largest ratio {coverage.claims.max_ratio:g}); "
        "claim what the method is for, or judge it on a task that it claims"
    )
