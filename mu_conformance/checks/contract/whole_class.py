"""contract.whole-class"""

from __future__ import annotations

import numpy as np

from mu_conformance.checks.catalogue import check
from mu_conformance.decision.finding import Finding
from mu_conformance.evidence.contract import ContractHarness, ContractRequest


@check("contract.whole-class", ContractHarness, needs=("classes",))
def whole_class(harness: ContractHarness) -> Finding:
    """A request to forget every row of a class is served: a usable model comes back.

    The retain set then lacks that class. Usual causes of failure: class weights or sampling that divide by its count.
    """
    chosen = harness.strata == harness.strata[0]
    request = ContractRequest(tuple(map(int, np.flatnonzero(chosen))), tuple(map(int, np.flatnonzero(~chosen))))
    _, unusable = harness.usable(request)
    return unusable or Finding.passed()
