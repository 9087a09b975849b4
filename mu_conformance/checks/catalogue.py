"""Register checks, and say which of them a claim requires."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import re
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
    """Dotted name; the part before the dot is the family."""
    subject: type
    """Class of the check's argument: ``Evidence``, ``Calls``, ``ContractHarness``, ``Audit`` or ``Coverage``."""
    function: Callable[[Any], Finding]
    """The registered function, from a subject to a finding."""
    guarantee: Guarantee = Guarantee.SUPPRESSION
    """Weakest guarantee that requires the check."""
    kinds: tuple[str, ...] | None = None
    """Kinds of forget set that the check applies to; None: all."""
    needs: tuple[str, ...] = ()
    """Features that a task must have (``Task.features``)."""
    applies: Callable[[Task, str], bool] | None = None
    """Predicate of a task and a kind of forget set; the check applies where it is true. None: always."""
    when: Callable[[Claims], bool] | None = None
    """Predicate of the claims; the check is required where it is true. None: always."""
    own_requests: bool = False
    """True if the check needs runs beyond the scenario's, which a pool of models on its rows cannot supply."""
    level: Level = Level.MUST
    """MUST: a failure decides conformance. SHOULD: a failure is a recommendation, unless the run is strict."""
    partly_should: bool = False
    """True if some failures of a MUST check are recommendations; the finding then has the level."""

    @property
    def family(self) -> str:
        """Return the part of the id before the dot."""
        return self.id.partition(".")[0]

    @property
    def summary(self) -> str:
        """Return the assertion: the first line of the docstring."""
        return self.explanation.partition("\n")[0]

    @property
    def explanation(self) -> str:
        """Return the whole docstring: assertion, why, decision, level, meaning of a failure, advice, references."""
        return inspect.getdoc(self.function) or ""

    @property
    def advice(self) -> str:
        """Return what to try after a failure: the text under **Try.**"""
        return self.section("Try")

    def section(self, heading: str) -> str:
        """Return the text under a heading such as ``Why``, on one line; empty if the docstring lacks the heading."""
        for paragraph in self.explanation.split("\n\n"):
            opening, found, text = paragraph.partition(f"**{heading}.** ")
            if found and not opening:
                return " ".join(text.split())
        return ""

    def meaning(self, above: bool | None) -> str:
        """Return the meaning of a failure on one side of the references.

        The whole text under **If it fails.** is returned if it has no clause for that side.

        Args:
            above: True if the value lies above the references, False if below; None if neither is known.
        """
        text = self.section("If it fails")
        if above is None:
            return text
        # Markers and clauses alternate after whatever stands before the first marker.
        parts = re.split(r"(Above|Below) the references:", text)
        clauses = {side: clause.strip() for side, clause in zip(parts[1::2], parts[2::2], strict=True)}
        clause = clauses.get("Above" if above else "Below", "")
        return f"{clause[0].upper()}{clause[1:]}" if clause else text

    @property
    def ref(self) -> str:
        """Return the function's address, ``module:function``."""
        return f"{self.function.__module__}:{self.function.__name__}"

    def required_by(self, claims: Claims) -> bool:
        """Return whether the claims ask for the check, the scope of tasks and ratios aside."""
        return claims.at_least(self.guarantee) and (self.when is None or self.when(claims))

    def applies_to(self, task: Task, kind: str) -> bool:
        """Return whether the check applies to a task and a kind of forget set."""
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
    """Register a function of a ``subject`` as the check ``id``.

    The other arguments are the fields of ``Check``. Registering a second function under an id raises ``ValueError``.
    """

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
    """Return every check by id, sorted.

    All modules below ``mu_conformance.checks`` are imported, because any of them may register a check.
    """
    for _ in discovery.modules_of("mu_conformance.checks"):
        pass
    return dict(sorted(_CHECKS.items()))


def find_check(id: str) -> Check:
    """Return the check of that id; raise ``discovery.UnknownName``, with close names, if there is none."""
    return catalogue()[discovery.one_of("check", id, list(catalogue()))]
