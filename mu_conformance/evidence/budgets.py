"""The budget of a call: seconds, rows and FLOPs, from what retraining takes."""

from __future__ import annotations

import dataclasses
import time

import numpy as np

from mu_conformance.conditions.flops import counted
from mu_conformance.evidence.base import EvidenceError
from mu_conformance.protocol.request import Budget
from mu_conformance.protocol.seeding import seeded
from mu_conformance.scenarios.scenario import Scenario
from mu_conformance.tasks import Rows
from mu_conformance.training import loop as training

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


TIME_LIMIT_FACTOR = 10.0


EXAMPLES_FACTOR = 10


def step_seconds(scenario: Scenario, steps: int = 6, device: str = "cpu") -> float:
    """CPU seconds of one training step of the recipe on this machine, the median of a few (packs come from another)."""
    task, recipe, durations = scenario.task, scenario.recipe, []
    model = task.new_model(0, scenario.architecture).to(device)
    last = time.process_time()

    def tick(_: int) -> None:
        nonlocal last
        now = time.process_time()
        durations.append(now - last)
        last = now

    rows = scenario.retain.select(range(min(len(scenario.retain), steps * recipe.batch_size)))
    with seeded(0):
        training.fit(model, rows, task, dataclasses.replace(recipe, epochs=1), 0, after_step=tick)
    return float(np.median(durations))


def retrain_flops(scenario: Scenario, retain: Rows, device: str = "cpu") -> float:
    """FLOPs of retraining on ``retain``: those of the recipe's loss on one batch, forwards and backwards, for each row."""
    task, recipe = scenario.task, scenario.recipe
    model = task.new_model(0, scenario.architecture).to(device).train()
    rows = retain.select(range(min(len(retain), recipe.batch_size)))
    (batch,) = rows.batches(len(rows))
    on_device = {name: column.to(device) for name, column in batch.items()}
    with seeded(0):
        of_batch = counted(lambda: task.training_loss(model, on_device).backward())
    return of_batch / len(rows) * recipe.epochs * len(retain)


def default_budget(scenario: Scenario, time_limit: float | None, retrain_s: float) -> Budget:
    """Ten times what retraining takes, and at least a minute of it."""
    seconds = time_limit if time_limit is not None else max(TIME_LIMIT_FLOOR, TIME_LIMIT_FACTOR * retrain_s)
    examples = EXAMPLES_FACTOR * scenario.recipe.epochs * len(scenario.train)
    return Budget(seconds=seconds, examples=examples)


def with_flops(budget: Budget, scenario: Scenario, retain: Rows, device: str = "cpu") -> Budget:
    """The budget with the FLOPs that the task's conditions allow of what retraining on ``retain`` takes, if they say.

    Raises ``EvidenceError`` where that is less than a step.
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
