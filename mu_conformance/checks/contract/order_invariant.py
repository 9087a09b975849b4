"""contract.order-invariant"""

from __future__ import annotations

import dataclasses

import numpy as np

from mu_conformance.checks.catalogue import check
from mu_conformance.decision.finding import Finding, Measurement
from mu_conformance.evidence.contract import ContractHarness

SLACK, FACTOR = 0.05, 3.0


@check("contract.order-invariant", ContractHarness)
def order_invariant(harness: ContractHarness) -> Finding:
    """The order in which rows are handed over matters no more than the seed does.

    A request is a set. Compared on class probabilities (mean absolute difference over the pool): reversing both sets
    may change the result by three times what two other seeds change it, plus 0.05. Usual causes: reading the first
    batch only (``next(iter(loader))`` at every step), or no shuffling at all.
    """
    usual = harness.usual
    reversed_rows = dataclasses.replace(usual, forget=usual.forget[::-1], retain=usual.retain[::-1])
    others = [dataclasses.replace(usual, seed=seed) for seed in (1, 2)]
    outputs = []
    for request in (usual, reversed_rows, *others):
        record, unusable = harness.usable(request)
        if unusable is not None:
            return unusable
        outputs.append(harness.behaviour(record))
    by_order = float(np.abs(outputs[1] - outputs[0]).mean())
    by_seed = float(np.mean([np.abs(other - outputs[0]).mean() for other in outputs[2:]]))
    measurement = Measurement("change of probabilities by order", by_order, margin=FACTOR * by_seed + SLACK)
    if by_order <= FACTOR * by_seed + SLACK:
        return Finding.passed(measurement)
    return Finding.failed(
        f"reversing the rows changes probabilities by {by_order:.3f} on average, another seed by {by_seed:.3f}; "
        "is only the first batch read, or nothing shuffled?",
        measurement,
    )
