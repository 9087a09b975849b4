"""contract.order-invariant"""

from __future__ import annotations

import dataclasses

import numpy as np

from mu_conformance.checks.catalogue import check
from mu_conformance.decision.finding import Finding, Measurement
from mu_conformance.evidence.contract import ContractHarness

FACTOR = 3.0
"""Tolerated change of probabilities, in units of the change made by another seed."""
LEAST_SLACK, MOST_SLACK, SLACK_SHARE = 0.001, 0.05, 0.25
"""What is tolerated besides: a share of the difference between two rows of the pool, within these bounds.

Probabilities of texts and of noise that is predicted differ little from row to row.
"""


@check("contract.order-invariant", ContractHarness)
def order_invariant(harness: ContractHarness) -> Finding:
    """The order of the rows changes the result no more than the seed does.

    **Why.** A request is a set, so that the order of its rows means nothing.

    **Decision.** The request has three batches of retain rows, by the recipe's batch size, where the training set has
    so many. The statistic is the mean absolute difference of class probabilities over the pool. Reversing both sets may
    change the result by three times the change made by another seed, and besides by a quarter of the difference between
    two rows, but at least by 0.001 and at most by 0.05. The change made by the seed is the mean over two other seeds.

    **Level.** MUST: deleted data may survive if only some of the rows are read.

    **If it fails.** Usual causes: only the first batch is read (``next(iter(loader))`` at every step), or nothing is
    shuffled.

    **Try.** Go through the whole loader in every epoch. Shuffle with the generator that ``request.seeded()`` yields.

    **References.** None.
    """
    ordered = harness.ordered
    reversed_rows = dataclasses.replace(ordered, forget=ordered.forget[::-1], retain=ordered.retain[::-1])
    others = [dataclasses.replace(ordered, seed=seed) for seed in (1, 2)]
    outputs = []
    for request in (ordered, reversed_rows, *others):
        record, unusable = harness.usable(request)
        if unusable is not None:
            return unusable
        outputs.append(harness.probabilities(record))
    by_order = float(np.abs(outputs[1] - outputs[0]).mean())
    by_seed = float(np.mean([np.abs(other - outputs[0]).mean() for other in outputs[2:]]))
    tolerated = FACTOR * by_seed + slack(outputs[0])
    measurement = Measurement("change of probabilities by order", by_order, margin=tolerated)
    if by_order <= tolerated:
        return Finding.passed(measurement)
    return Finding.failed(
        f"reversing the rows changes probabilities by {by_order:.3f} on average, another seed by {by_seed:.3f}; "
        "is only the first batch read, or nothing shuffled?",
        measurement,
    )


def slack(outputs: np.ndarray) -> float:
    """Return what is tolerated beside the change made by the seed, on the scale of the outputs, float [n, classes]."""
    between_rows = float(np.abs(outputs[:, None] - outputs[None]).mean())
    return min(max(SLACK_SHARE * between_rows, LEAST_SLACK), MOST_SLACK)
