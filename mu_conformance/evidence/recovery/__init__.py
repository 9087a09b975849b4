"""Attack models after unlearning, to see whether hidden knowledge comes back; a file for each kind of recovery attack.

Every model of a scenario is attacked alike, references too. The standard is a reference after the same attack.
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
"""Parts on which an attacked model is measured."""

_Apply = Callable[["nn.Module", "Scenario"], "nn.Module"]


@dataclasses.dataclass(frozen=True)
class RecoveryAttack:
    """Describes one recovery attack."""

    name: str
    """Name of the attack."""
    apply: _Apply
    """Function from a model and a scenario to an attacked copy; the model itself does not change."""
    needs: tuple[str, ...]
    """Features that a task must have (``Task.features``)."""
    record: Mapping[str, Any]
    """Settings that the outcome depends on, plain JSON."""

    def part(self, measured: str) -> str:
        """Return the name of a part of the attacked model's outputs."""
        return f"{self.name}_{measured}"


_ATTACKS: dict[str, RecoveryAttack] = {}


def recovery_attack(name: str, *, needs: tuple[str, ...] = (), **record: Any) -> Callable[[_Apply], _Apply]:
    """Register a function as the attack ``name``.

    Raises ``ValueError`` for a name that another function has.

    Args:
        name: name of the attack.
        needs: features that a task must have.
        record: settings of the attack, which are part of the address of its results.
    """

    def register(function: _Apply) -> _Apply:
        if name in _ATTACKS and _ATTACKS[name].apply is not function:
            raise ValueError(f"two recovery attacks are called {name!r}")
        _ATTACKS[name] = RecoveryAttack(name, function, needs, record)
        return function

    return register


@functools.cache
def recovery_attacks() -> dict[str, RecoveryAttack]:
    """Return every attack by name, sorted; any module of this package may register some."""
    from mu_conformance import discovery

    for _ in discovery.modules_of(__name__):
        pass
    return dict(sorted(_ATTACKS.items()))


def attacks_of(task: Task) -> list[RecoveryAttack]:
    """Return the attacks that apply to a task's models."""
    return [found for found in recovery_attacks().values() if task.features.issuperset(found.needs)]
