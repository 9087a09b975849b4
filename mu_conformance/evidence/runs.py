"""One run: the calls of a method on one original, and what came back."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Protocol

import torch

from mu_conformance.evidence.call_record import CallRecord
from mu_conformance.evidence.outputs import Outputs
from mu_conformance.isolation.call import CallResult, CallSpec
from mu_conformance.protocol.request import Budget
from mu_conformance.protocol.seeding import derive_seed
from mu_conformance.scenarios.scenario import Scenario
from mu_conformance.tasks import Rows

__all__ = ["Caller", "Run", "call_spec"]


class Caller(Protocol):
    """What evidence needs of the isolated method."""

    def call(self, spec: CallSpec, seconds: float) -> CallResult: ...


@dataclasses.dataclass(frozen=True)
class Run:
    """The method on one original: a record of each request's call, and the outputs of the weights that came back last.

    ``outputs`` is None where they cannot be judged; ``problems`` says why.
    """

    number: int
    records: tuple[CallRecord, ...]
    outputs: Outputs | None
    problems: tuple[str, ...]

    @property
    def crashed(self) -> bool:
        """Nothing can be measured, and the method did not say so by breaking the protocol."""
        return self.records[-1].call.crashed

    def total(self, figure: Callable[[CallResult], float]) -> float:
        """A figure of the calls, summed over the requests."""
        return sum(figure(record.call) for record in self.records)


def call_spec(
    scenario: Scenario,
    state: dict[str, torch.Tensor],
    forget: Rows,
    retain: Rows | None,
    seed: int,
    budget: Budget,
    device: str = "cpu",
) -> CallSpec:
    """One call on a scenario's model with the weights ``state``."""
    return CallSpec(
        task_ref=scenario.task.ref,
        conditions=scenario.task.conditions,
        architecture=scenario.architecture,
        recipe=scenario.recipe,
        state=state,
        forget=forget,
        retain=retain,
        seed=seed,
        ambient_seed=derive_seed(seed, "ambient"),
        device=device,
        budget=budget,
    )
