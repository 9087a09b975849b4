"""Treatments: what is done to a model after unlearning, to see whether what it hides comes back; a file for each kind.

Every model of a scenario is treated alike, references too: what counts is how a reference looks after the same
attack.
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

__all__ = ["MEASURED", "RecoveryAttack", "attacks_of", "recovery_attack", "recovery_attacks"]

MEASURED = ("forget", "holdout")
"""The parts on which a treated model is measured."""

_Apply = Callable[["nn.Module", "Scenario"], "nn.Module"]


@dataclasses.dataclass(frozen=True)
class RecoveryAttack:
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


_ATTACKS: dict[str, RecoveryAttack] = {}


def recovery_attack(name: str, *, needs: tuple[str, ...] = (), **record: Any) -> Callable[[_Apply], _Apply]:
    """Register a function as the attack ``name``; ``record`` names its settings, which are part of the address of results."""

    def register(function: _Apply) -> _Apply:
        if name in _ATTACKS and _ATTACKS[name].apply is not function:
            raise ValueError(f"two recovery attacks are called {name!r}")
        _ATTACKS[name] = RecoveryAttack(name, function, needs, record)
        return function

    return register


@functools.cache
def recovery_attacks() -> dict[str, RecoveryAttack]:
    """Every attack by name, sorted; any module of this package may register some."""
    from mu_conformance import discovery

    for _ in discovery.modules_of(__name__):
        pass
    return dict(sorted(_ATTACKS.items()))


def attacks_of(task: Task) -> list[RecoveryAttack]:
    """Those that say something of a task's models."""
    return [found for found in recovery_attacks().values() if task.features.issuperset(found.needs)]
