"""Outcomes, and which departures from the references count."""

from __future__ import annotations

import enum
from collections.abc import Iterable

__all__ = ["Fault", "Level", "Outcome", "Sides", "worst_of"]


class Outcome(enum.StrEnum):
    """What became of a check on a scenario. Only ``PASSED`` (or ``WAIVED``, a known failure) counts for the verdict."""

    PASSED = "passed"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"
    ERROR = "error"
    WAIVED = "waived"
    STALE_WAIVER = "stale_waiver"
    NOT_CLAIMED = "not_claimed"
    NOT_RUN = "not_run"


class Fault(enum.StrEnum):
    """Who is at fault where an outcome is ``error``."""

    SUITE = "suite"
    METHOD = "method"


class Level(enum.StrEnum):
    """Whether a check decides conformance.

    ``MUST``: whatever lets deleted data survive or leave, harms what the caller owns, or makes the result unusable.
    ``SHOULD``: hygiene. A failure is a recommendation, unless the run is strict.
    """

    MUST = "must"
    SHOULD = "should"


class Sides(enum.StrEnum):
    """Which departures from the references count: both, or only falling below or rising above them."""

    BOTH = "both"
    BELOW = "below"
    ABOVE = "above"


_SEVERITY = (Outcome.PASSED, Outcome.INCONCLUSIVE, Outcome.FAILED, Outcome.ERROR)


def worst_of(outcomes: Iterable[Outcome]) -> Outcome:
    """The outcome of a check that is decided in several parts: as bad as its worst part."""
    return max(outcomes, key=_SEVERITY.index)
