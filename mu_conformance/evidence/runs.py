"""Record one run: the calls of a method on one original, and the outputs of the model returned."""

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
    """Names what evidence needs of the isolated method."""

    def call(self, spec: CallSpec, seconds: float) -> CallResult: ...


@dataclasses.dataclass(frozen=True)
class Run:
    """Records the method on one original."""

    number: int
    """Number of the run, which is also the original's; -1 on an unseen original."""
    records: tuple[CallRecord, ...]
    """Record of each request's call."""
    outputs: Outputs | None
    """Outputs of the weights returned last; None where they cannot be judged."""
    problems: tuple[str, ...]
    """Why the outputs cannot be judged; empty if they can."""

    @property
    def crashed(self) -> bool:
        """Return whether nothing can be measured, for a reason other than a broken protocol."""
        return self.records[-1].call.crashed

    @property
    def traceback(self) -> str:
        """Return the traceback of the last call; empty if it raised nothing."""
        return self.records[-1].call.traceback

    def total(self, figure: Callable[[CallResult], float]) -> float:
        """Return a figure of the calls, summed over the requests."""
        return sum(figure(record.call) for record in self.records)


def call_spec(
    scenario: Scenario,
    state: dict[str, torch.Tensor],
    forget: Rows,
    retain: Rows | None,
    seed: int,
    budget: Budget,
    device: str = "cpu",
    *,
    reads_labels: bool = True,
) -> CallSpec:
    """Return one call on a scenario's model with the weights ``state``.

    Args:
        scenario: the scenario.
        state: state dict of the original.
        forget: rows to be deleted.
        retain: rows that remain; None if the method claims not to need them.
        seed: seed of the request.
        budget: limits of the call.
        device: device of the model.
        reads_labels: False if the method claims not to read labels.
    """
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
        reads_labels=reads_labels,
    )
