"""Treatments: what is done to a model after unlearning, to see whether what it hides comes back; a file for each kind.

Every model of a scenario is treated alike, references too: what counts is how a reference looks after the same
treatment.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

    from mu_conformance.scenarios.scenario import Scenario
    from mu_conformance.tasks import Task

__all__ = ["MEASURED", "Treatment", "treatment", "treatments", "treatments_of"]

MEASURED = ("forget", "holdout")
"""The parts on which a treated model is measured."""

_Apply = Callable[["nn.Module", "Scenario"], "nn.Module"]


@dataclasses.dataclass(frozen=True)
class Treatment:
    """``apply`` gives a treated copy of a model, which it leaves alone; ``record`` is what the outcome depends on, plain JSON.

    ``needs``: features that a task must have (``Task.features``).
    """

    name: str
    apply: _Apply
    needs: tuple[str, ...]
    record: Mapping[str, Any]

    def part(self, measured: str) -> str:
        """The name of a part of the treated model's outputs."""
        return f"{self.name}_{measured}"


_TREATMENTS: dict[str, Treatment] = {}


def treatment(name: str, *, needs: tuple[str, ...] = (), **record: Any) -> Callable[[_Apply], _Apply]:
    """Register a function as the treatment ``name``; ``record`` names its settings, which are part of the address of results."""

    def register(function: _Apply) -> _Apply:
        if name in _TREATMENTS and _TREATMENTS[name].apply is not function:
            raise ValueError(f"two treatments are called {name!r}")
        _TREATMENTS[name] = Treatment(name, function, needs, record)
        return function

    return register


@functools.cache
def treatments() -> dict[str, Treatment]:
    """Every treatment by name, sorted; any module of this package may register some."""
    from mu_conformance import discovery

    for _ in discovery.modules_of(__name__):
        pass
    return dict(sorted(_TREATMENTS.items()))


def treatments_of(task: Task) -> list[Treatment]:
    """Those that say something of a task's models."""
    return [found for found in treatments().values() if task.features.issuperset(found.needs)]
