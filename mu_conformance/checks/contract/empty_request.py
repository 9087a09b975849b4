"""contract.empty-request"""

from __future__ import annotations

from mu_conformance.checks.catalogue import check
from mu_conformance.decision.finding import Finding
from mu_conformance.decision.outcome import Level
from mu_conformance.evidence.contract import ContractHarness, ContractRequest


@check("contract.empty-request", ContractHarness, level=Level.SHOULD)
def empty_request(harness: ContractHarness) -> Finding:
    """A request to forget nothing is served: a usable model comes back.

    Requests are filtered and split before they arrive; an empty one must not crash the service.
    """
    _, unusable = harness.usable(ContractRequest(forget=(), retain=tuple(range(len(harness.pool)))))
    return unusable or Finding.passed()
