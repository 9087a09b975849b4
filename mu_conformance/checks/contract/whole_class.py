"""contract.whole-class"""

from __future__ import annotations

import numpy as np

from mu_conformance.checks.catalogue import check
from mu_conformance.decision.finding import Finding
from mu_conformance.evidence.contract import ContractHarness, ContractRequest


@check("contract.whole-class", ContractHarness, needs=("classes",))
def whole_class(harness: ContractHarness) -> Finding:
    """A request to forget every row of a class is served: a usable model comes back.

    **Why.** A whole class is a plausible request, and the retain set then lacks that class.

    **Decision.** One call asks for every row of one class of the pool. A usable model must come back.

    **Level.** MUST: deleted data survives if the request is not served.

    **If it fails.** Usual causes: class weights or sampling that divide by the count of the class.

    **Try.** Leave a class without rows out of weights and sampling, or clamp its count to 1.

    **References.** None.
    """
    classes = harness.classes[: len(harness.pool)]
    chosen = classes == classes[0]
    request = ContractRequest(tuple(map(int, np.flatnonzero(chosen))), tuple(map(int, np.flatnonzero(~chosen))))
    _, unusable = harness.usable(request)
    return unusable or Finding.passed()
