"""Registration of checks, and which of them a claim requires."""

from __future__ import annotations

import dataclasses
import enum
import functools
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mu_conformance import discovery as registry
from mu_conformance.decision.finding import Finding
from mu_conformance.protocol import Claims, Guarantee

if TYPE_CHECKING:
    from mu_conformance.tasks import Task

__all__ = ["Check", "Subject", "catalogue", "check", "find_check"]


class Subject(enum.StrEnum):
    """What a check looks at."""

    EVIDENCE = "evidence"
    CALLS = "calls"
    LABORATORY = "laboratory"
    CLAIMS = "claims"
    AUDIT = "audit"


@dataclasses.dataclass(frozen=True)
class Check:
    """One entry of the catalogue.

    ``kinds``: the forget sets that it applies to (None: all). ``needs``: features that a task must have
    (``Task.features``). ``applies``: of a task and a kind of forget set (None: always). ``when``: claims under which it is required (None: any).
    ``own_requests``: it asks for other runs than the scenario's, so models trained on its rows cannot stand for them.
    """

    id: str
    subject: Subject
    function: Callable[[Any], Finding]
    guarantee: Guarantee = Guarantee.SUPPRESSION
    kinds: tuple[str, ...] | None = None
    needs: tuple[str, ...] = ()
    applies: Callable[[Task, str], bool] | None = None
    when: Callable[[Claims], bool] | None = None
    own_requests: bool = False

    @property
    def family(self) -> str:
        return self.id.partition(".")[0]

    @property
    def summary(self) -> str:
        return (inspect.getdoc(self.function) or "").partition("\n")[0]

    @property
    def explanation(self) -> str:
        """The whole docstring: what it asserts, why, what a failure usually means."""
        return inspect.getdoc(self.function) or ""

    @property
    def ref(self) -> str:
        return f"{self.function.__module__}:{self.function.__name__}"

    def required_by(self, claims: Claims) -> bool:
        return claims.at_least(self.guarantee) and (self.when is None or self.when(claims))

    def applies_to(self, task: Task, kind: str) -> bool:
        """Whether the check says anything of a task and a kind of forget set."""
        return (
            (self.kinds is None or kind in self.kinds)
            and task.features.issuperset(self.needs)
            and (self.applies is None or self.applies(task, kind))
        )


_CHECKS: dict[str, Check] = {}


def check(
    id: str,
    subject: Subject,
    *,
    guarantee: Guarantee = Guarantee.SUPPRESSION,
    kinds: tuple[str, ...] | None = None,
    needs: tuple[str, ...] = (),
    applies: Callable[[Task, str], bool] | None = None,
    when: Callable[[Claims], bool] | None = None,
    own_requests: bool = False,
) -> Callable[[Callable[[Any], Finding]], Callable[[Any], Finding]]:
    """Register a function as the check ``id``."""

    def register(function: Callable[[Any], Finding]) -> Callable[[Any], Finding]:
        if id in _CHECKS and _CHECKS[id].function is not function:
            raise ValueError(f"two checks are called {id!r}")
        _CHECKS[id] = Check(id, subject, function, guarantee, kinds, needs, applies, when, own_requests)
        return function

    return register


@functools.cache
def catalogue() -> dict[str, Check]:
    """Every check by id, sorted; a check is any module below ``mu_conformance.checks`` that registers one."""
    for _ in registry.modules_of("mu_conformance.checks"):
        pass
    return dict(sorted(_CHECKS.items()))


def find_check(id: str) -> Check:
    """The check of that id; ``registry.UnknownName`` names the choices."""
    return catalogue()[registry.one_of("check", id, list(catalogue()))]
