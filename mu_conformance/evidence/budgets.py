"""Set the budget of a call, in seconds, rows and FLOPs, from what retraining takes."""

from __future__ import annotations

import dataclasses
import math
import time

import numpy as np

from mu_conformance.conditions.flops import counted
from mu_conformance.evidence.base import EvidenceError
from mu_conformance.protocol.request import Budget
from mu_conformance.protocol.seeding import seeded
from mu_conformance.scenarios.scenario import Scenario
from mu_conformance.tasks import Rows
from mu_conformance.training import loop

__all__ = [
    "EXAMPLES_FACTOR",
    "TIME_LIMIT_FACTOR",
    "TIME_LIMIT_FLOOR",
    "default_budget",
    "retrain_flops",
    "step_seconds",
    "with_flops",
]

TIME_LIMIT_FLOOR = 60.0
"""Smallest default limit of a call, seconds."""


TIME_LIMIT_FACTOR = 10.0
"""Default limit of a call's seconds, as a multiple of retraining's."""


EXAMPLES_FACTOR = 10
"""Limit of a call's rows, as a multiple of those read by training on every row."""


WARM_UP = 3
"""Steps that are not timed: the first ones import, allocate and compile."""


def step_seconds(scenario: Scenario, steps: int = 6, device: str = "cpu") -> float:
    """Return the CPU seconds of one training step of the recipe on this machine: the median of ``steps`` steps.

    ``WARM_UP`` steps are made before. A training set of fewer batches is read several times. Times in packs are of
    another machine.
    """
    task, recipe, durations = scenario.task, scenario.recipe, []
    model = task.new_model(0, scenario.architecture).to(device)
    last = time.process_time()

    def tick(_: int) -> None:
        nonlocal last
        now = time.process_time()
        durations.append(now - last)
        last = now

    wanted = WARM_UP + steps
    rows = scenario.retain.select(range(min(len(scenario.retain), wanted * recipe.batch_size)))
    once = dataclasses.replace(recipe, epochs=1)
    with seeded(0):
        epochs = math.ceil(wanted / once.steps(len(rows)))
        loop.fit(model, rows, task, dataclasses.replace(recipe, epochs=epochs), 0, after_step=tick)
    return float(np.median(durations[WARM_UP:]))


def retrain_flops(scenario: Scenario, retain: Rows, device: str = "cpu") -> float:
    """Return the FLOPs of retraining on ``retain``.

    One batch is counted through the recipe's loss, forwards and backwards, and scaled to all rows and epochs.
    """
    task, recipe = scenario.task, scenario.recipe
    model = task.new_model(0, scenario.architecture).to(device).train()
    rows = retain.select(range(min(len(retain), recipe.batch_size)))
    (batch,) = rows.batches(len(rows))
    on_device = {name: column.to(device) for name, column in batch.items()}
    with seeded(0):
        of_batch = counted(lambda: task.training_loss(model, on_device).backward())
    return of_batch / len(rows) * recipe.epochs * len(retain)


def default_budget(scenario: Scenario, time_limit: float | None, retrain_s: float) -> Budget:
    """Return the budget of a call without a FLOP limit.

    Args:
        scenario: the scenario.
        time_limit: limit of seconds set by the user; None: from ``retrain_s``.
        retrain_s: seconds that retraining takes.
    """
    seconds = time_limit if time_limit is not None else max(TIME_LIMIT_FLOOR, TIME_LIMIT_FACTOR * retrain_s)
    examples = EXAMPLES_FACTOR * scenario.recipe.epochs * len(scenario.train)
    return Budget(seconds=seconds, examples=examples)


def with_flops(budget: Budget, scenario: Scenario, retain: Rows, device: str = "cpu") -> Budget:
    """Return the budget with the FLOP limit of the task's conditions, if they set one.

    Raises ``EvidenceError`` if the limit is less than one step.

    Args:
        budget: budget to limit.
        scenario: the scenario.
        retain: rows of the retraining of which the limit is a share.
        device: device of the count.
    """
    share = scenario.task.conditions.budget
    if share is None:
        return budget
    steps = scenario.recipe.steps(len(retain))
    if share * steps < 1:
        raise EvidenceError(
            f"a budget of {share:g} is less than one of the {steps} steps that retraining takes on "
            f"{scenario.name}; give --mu-budget {1 / steps:.2g} or more"
        )
    return dataclasses.replace(budget, flops=share * retrain_flops(scenario, retain, device))
