"""contract.empty-request"""

from __future__ import annotations

from mu_conformance.checks.catalogue import check
from mu_conformance.decision.finding import Finding
from mu_conformance.decision.outcome import Level
from mu_conformance.evidence.contract import ContractHarness, ContractRequest


@check("contract.empty-request", ContractHarness, level=Level.SHOULD)
def empty_request(harness: ContractHarness) -> Finding:
    """A request to forget nothing is served: a usable model comes back.

    **Why.** Requests are filtered and split before they arrive. An empty request must not crash the service.

    **Decision.** One call is made with no forget rows and the whole pool as retain set. A usable model must come back.

    **Level.** SHOULD: a filter may hand over an empty request, and a crash there harms no data.

    **If it fails.** A request without forget rows gives no usable model. Usual causes are a mean over no rows, an index
    into the first batch, and None returned for an empty set.

    **Try.** Return a copy of the original if ``len(request.forget)`` is 0.

    **References.** None.
    """
    _, unusable = harness.usable(ContractRequest(forget=(), retain=tuple(range(len(harness.pool)))))
    return unusable or Finding.passed()
