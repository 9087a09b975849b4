"""contract.single-example"""

from __future__ import annotations

from mu_conformance.checks.catalogue import check
from mu_conformance.decision.finding import Finding
from mu_conformance.evidence.contract import ContractHarness, ContractRequest


@check("contract.single-example", ContractHarness)
def single_example(harness: ContractHarness) -> Finding:
    """A request to forget one row is served: a usable model comes back.

    The commonest real request. Usual causes of failure: dropping the last batch, batch statistics of one row.
    """
    pool = len(harness.pool)
    for row in (0, pool - 1):
        others = tuple(index for index in range(pool) if index != row)
        _, unusable = harness.usable(ContractRequest(forget=(row,), retain=others))
        if unusable is not None:
            return unusable
    return Finding.passed()
