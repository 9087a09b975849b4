"""Registration of checks, and which of them a claim requires."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mu_conformance import discovery
from mu_conformance.decision.finding import Finding
from mu_conformance.decision.outcome import Level
from mu_conformance.protocol.claims import Claims, Guarantee

if TYPE_CHECKING:
    from mu_conformance.tasks import Task

__all__ = ["Check", "catalogue", "check", "find_check"]


@dataclasses.dataclass(frozen=True)
class Check:
    """One entry of the catalogue."""

    id: str
    """A dotted name; what stands before the dot is the family."""
    subject: type
    """The class that the check looks at: ``Evidence``, ``Calls``, ``ContractHarness``, ``Audit`` or ``Coverage``."""
    function: Callable[[Any], Finding]
    guarantee: Guarantee = Guarantee.SUPPRESSION
    """The weakest guarantee that requires it."""
    kinds: tuple[str, ...] | None = None
    """Kinds of forget set that it applies to; None: all."""
    needs: tuple[str, ...] = ()
    """Features that a task must have (``Task.features``)."""
    applies: Callable[[Task, str], bool] | None = None
    """Whether it applies to a task and a kind of forget set; None: always."""
    when: Callable[[Claims], bool] | None = None
    """Claims under which it is required; None: any."""
    own_requests: bool = False
    """Whether it asks for other runs than the scenario's, so that a pool of models on its rows cannot stand for them."""
    level: Level = Level.MUST
    partly_should: bool = False
    """Whether some failures of a MUST check are recommendations; the finding then has the level."""

    @property
    def family(self) -> str:
        return self.id.partition(".")[0]

    @property
    def summary(self) -> str:
        return self.explanation.partition("\n")[0]

    @property
    def explanation(self) -> str:
        """The whole docstring: assertion, why, decision, what a failure usually means, references."""
        return inspect.getdoc(self.function) or ""

    @property
    def ref(self) -> str:
        return f"{self.function.__module__}:{self.function.__name__}"

    def required_by(self, claims: Claims) -> bool:
        return claims.at_least(self.guarantee) and (self.when is None or self.when(claims))

    def applies_to(self, task: Task, kind: str) -> bool:
        """Return whether the check says anything of a task and a kind of forget set."""
        return (
            (self.kinds is None or kind in self.kinds)
            and task.features.issuperset(self.needs)
            and (self.applies is None or self.applies(task, kind))
        )


_CHECKS: dict[str, Check] = {}


def check(
    id: str,
    subject: type,
    *,
    guarantee: Guarantee = Guarantee.SUPPRESSION,
    kinds: tuple[str, ...] | None = None,
    needs: tuple[str, ...] = (),
    applies: Callable[[Task, str], bool] | None = None,
    when: Callable[[Claims], bool] | None = None,
    own_requests: bool = False,
    level: Level = Level.MUST,
    partly_should: bool = False,
) -> Callable[[Callable[[Any], Finding]], Callable[[Any], Finding]]:
    """Register a function of a ``subject`` as the check ``id``; the other arguments are the fields of ``Check``."""

    def register(function: Callable[[Any], Finding]) -> Callable[[Any], Finding]:
        if id in _CHECKS and _CHECKS[id].function is not function:
            raise ValueError(f"two checks are called {id!r}")
        _CHECKS[id] = Check(
            id, subject, function, guarantee, kinds, needs, applies, when, own_requests, level, partly_should
        )
        return function

    return register


@functools.cache
def catalogue() -> dict[str, Check]:
    """Return every check by id, sorted; any module below ``mu_conformance.checks`` may register one."""
    for _ in discovery.modules_of("mu_conformance.checks"):
        pass
    return dict(sorted(_CHECKS.items()))


def find_check(id: str) -> Check:
    """Return the check of that id; ``discovery.UnknownName`` names the choices."""
    return catalogue()[discovery.one_of("check", id, list(catalogue()))]
