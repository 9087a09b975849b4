"""Follow a run: what is being done, how many checks are done of how many, and about how long the rest takes.

Only the standard library is imported, so that a run can show its first line at once.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["CONTRACT_WEIGHT", "Activity", "Progress", "Work", "fit", "seconds_left", "time_text"]

CONTRACT_WEIGHT = 0.25
"""Work of a task's contract requests, as a share of a scenario's."""
SEPARATOR = " · "
LEAST_MIDDLE = 8
"""Columns below which what is being done is left out of a narrow line."""


@dataclasses.dataclass(frozen=True)
class Activity:
    """Names what a process is doing."""

    what: str
    """Description, such as "call"."""
    where: str = ""
    """Task or scenario; empty if none."""
    number: int = 0
    """Number of the model or call, from 1; 0 if there are none."""
    total: int = 0
    """Number of models or calls; 0 if unknown."""

    @property
    def task(self) -> str:
        """Return the name of the task."""
        return self.where.partition("/")[0]

    def text(self, *, brief: bool = False) -> str:
        """Return the activity in words, such as ``tabular/unit: call 3/4``; ``brief`` names only the task."""
        counted = f"{self.number}/{self.total}" if self.total else str(self.number or "")
        where = self.task if brief else self.where
        return f"{where}: {self.what} {counted}".strip(" :")

    def to_json(self) -> dict[str, Any]:
        """Return the activity as plain JSON data."""
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True)
class Work:
    """Measures the work on one scenario."""

    checks: int
    """Number of checks."""
    weight: float
    """Share of a usual scenario's work; 0 if nothing has to be judged."""


def seconds_left(done: float, left: float, spent: float, since: float) -> float | None:
    """Estimate the seconds that the rest of a run takes; None if there is nothing to go by, or it is overdue.

    The current scenario takes as long as the mean of those done. If it takes longer, only the others count.

    Args:
        done: work done, in scenarios.
        left: work left, in scenarios, the current one included.
        spent: seconds from the start until the last scenario was done.
        since: seconds since then.
    """
    if done <= 0:
        return None
    each, current = spent / done, min(1.0, left)
    estimate = each * (left - current) + max(0.0, each * current - since)
    return estimate if estimate > 0 else None


def time_text(seconds: float) -> str:
    """Return a time in words: seconds in steps of five, minutes from 90 s on, hours from 90 min on."""
    if seconds >= 90 * 60:
        return f"about {seconds / 3600:.1f} h left"
    if seconds >= 90:
        return f"about {round(seconds / 60)} min left"
    return f"about {math.ceil(seconds / 5) * 5} s left"


def fit(first: str, middle: str, last: str, width: int) -> str:
    """Return three parts as a line of at most ``width`` columns; the middle one is shortened first, then left out."""

    def join(*parts: str) -> str:
        return SEPARATOR.join(part for part in parts if part)

    line = join(first, middle, last)
    if len(line) <= width:
        return line
    room = len(middle) - (len(line) - width)
    if first or last:
        line = join(first, _cut(middle, room), last) if room >= LEAST_MIDDLE else join(first, last)
    return _cut(line, width)


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: max(0, width - 1)]}…"


class Progress:
    """Counts the checks of a run and estimates the time left; scenarios, not checks, are the unit of work."""

    def __init__(self) -> None:
        self.activity = Activity("starting")
        """What this process does."""
        self._works: dict[str, Work] = {}
        self._judged: dict[str, int] = {}
        self._started = self._finished = 0.0

    @property
    def planned(self) -> bool:
        """Whether the checks of the run are known."""
        return bool(self._works)

    def plan(self, works: Mapping[str, Work], now: float) -> None:
        """Take the work on each scenario; ``now`` is when it begins, in seconds."""
        self._judged = dict.fromkeys(works, 0)
        self._started = self._finished = now
        self._works = dict(works)

    def judged(self, scenario: str, now: float) -> None:
        """Count a check on a scenario."""
        work = self._works.get(scenario)
        if work is None or self._judged[scenario] >= work.checks:
            return
        self._judged[scenario] += 1
        if self._judged[scenario] == work.checks and work.weight:
            self._finished = now

    def counted(self) -> str:
        """Return how many checks are done of how many; empty before that is known."""
        total = sum(work.checks for work in self._works.values())
        return f"{sum(self._judged.values())}/{total} checks" if total else ""

    def time_left(self, now: float) -> str:
        """Return in words how long the rest takes; empty before a scenario is done, and where the last is overdue."""
        done = sum(work.weight for name, work in self._works.items() if self._judged[name] == work.checks)
        left = sum(work.weight for work in self._works.values()) - done
        seconds = seconds_left(done, left, self._finished - self._started, now - self._finished)
        return "" if seconds is None else time_text(seconds)

    def line(self, now: float, width: int, workers: Iterable[Activity] = ()) -> str:
        """Return the line for a terminal of ``width`` columns.

        Args:
            now: time in seconds, on the clock of ``plan``.
            width: number of columns.
            workers: what the workers do; none where this process does the work.
        """
        doing = list(workers) or [self.activity]
        tasks = [activity.task for activity in doing]
        # Of several workers, the task says enough, unless two are at the same one.
        brief = 1 < len(tasks) == len(set(tasks))
        texts = dict.fromkeys(activity.text(brief=brief) for activity in doing)
        return fit(self.counted(), SEPARATOR.join(texts), self.time_left(now), width)
