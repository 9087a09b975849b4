"""contract.same-seed-same-result"""

from __future__ import annotations

import dataclasses

from mu_conformance.checks.catalogue import check
from mu_conformance.decision.finding import Finding
from mu_conformance.evidence.contract import ContractHarness, ContractRequest

TOLERANCE = 1e-6
"""Largest tolerated difference of a weight."""


@check("contract.same-seed-same-result", ContractHarness, when=lambda claims: claims.deterministic)
def same_seed_same_result(harness: ContractHarness) -> Finding:
    """The same request with the same seed gives the same weights, whatever the global random state was.

    **Why.** An auditor must be able to repeat a deletion.

    **Decision.** Each request is made twice with one seed, under two global random states. The requests are drawn by
    Hypothesis. No weight may differ by more than ``TOLERANCE``. A method that cannot be repeated says so with
    ``deterministic=False``, and is exempt.

    **Level.** MUST: a claim cannot be believed if nobody can repeat the deletion.

    **If it fails.** Usual causes: a loader without ``generator``, or dropout or initialisation drawn from the global
    generator.

    **Try.** Wrap the work in ``request.seeded()``, and pass the generator that it yields to every loader.

    **References.** None.
    """

    def judge(request: ContractRequest) -> Finding:
        records = []
        for ambient in (1, 2):
            record, unusable = harness.usable(dataclasses.replace(request, ambient_seed=ambient))
            if unusable is not None:
                return unusable
            records.append(record.call.state)
        first, second = records
        for name, tensor in first.items():
            difference = float((tensor.double() - second[name].double()).abs().max()) if tensor.numel() else 0.0
            if difference > TOLERANCE:
                return Finding.failed(
                    f"two calls with seed {request.seed} differ in {name} by {difference:.3g}: the result depends on "
                    "the global random state and not on request.seed alone; use request.seeded()"
                )
        return Finding.passed()

    return harness.for_any_request(judge)
