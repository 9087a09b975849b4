"""contract.single-example"""

from __future__ import annotations

from mu_conformance.checks.catalogue import check
from mu_conformance.decision.finding import Finding
from mu_conformance.evidence.contract import ContractHarness, ContractRequest


@check("contract.single-example", ContractHarness)
def single_example(harness: ContractHarness) -> Finding:
    """A request to forget one row is served: a usable model comes back.

    **Why.** One row is the most common real request.

    **Decision.** The first and the last row of the pool are each asked for alone. Both calls must return a usable
    model.

    **Level.** MUST: deleted data survives if the most common request is not served.

    **If it fails.** Usual causes: the last batch is dropped, or batch statistics are taken of one row.

    **Try.** Keep incomplete batches. Compute batch statistics and standard deviations only where a batch has two rows
    or more.

    **References.** None.
    """
    pool = len(harness.pool)
    for row in (0, pool - 1):
        others = tuple(index for index in range(pool) if index != row)
        _, unusable = harness.usable(ContractRequest(forget=(row,), retain=others))
        if unusable is not None:
            return unusable
    return Finding.passed()
