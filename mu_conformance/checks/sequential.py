"""Deciding at interim looks, until a look is conclusive or further runs are futile."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from mu_conformance.decision.interval import Interval, conclusive_chance, difference_interval
from mu_conformance.decision.outcome import Outcome, Sides
from mu_conformance.decision.rule import decide

__all__ = ["FUTILE", "Decision", "decide_at_looks"]

FUTILE = 0.05
"""No runs are added where the chance that they decide is smaller. It can only leave a check inconclusive, never pass it."""


@dataclasses.dataclass(frozen=True)
class Decision:
    """The outcome at the last look that was made."""

    outcome: Outcome
    interval: Interval
    runs: np.ndarray
    """The statistic of each run, float [n]."""
    futile: str = ""
    """Why no more runs were made, if that is so; a sentence."""


def decide_at_looks(
    looks: Sequence[int],
    level: float,
    runs_of: Callable[[int], np.ndarray],
    references: np.ndarray,
    margin: float,
    sides: Sides,
    *,
    spread_as_references: bool = False,
    stops_if_futile: bool = False,
) -> Decision:
    """Decide on more and more runs, until a look is conclusive.

    Args:
        looks: numbers of runs at which to decide, rising.
        level: level of each interval; the error rate is shared out over the looks by whoever chose it.
        runs_of: returns the statistic of so many runs, float [count].
        references: the statistic of each reference, float [references].
        margin: largest tolerated difference of means.
        sides: departures that count.
        spread_as_references: as in ``difference_interval``.
        stops_if_futile: make no more runs where the chance that they decide is below ``FUTILE``.
    """
    last, futile = looks[-1], ""
    for count in looks:
        runs = runs_of(count)
        interval = difference_interval(runs, references, level, spread_as_references=spread_as_references)
        outcome = decide(interval, margin, sides)
        if outcome is not Outcome.INCONCLUSIVE:
            break
        if stops_if_futile and 1 < len(runs) < last:
            chance = conclusive_chance(runs, references, level, margin, sides, last)
            if chance < FUTILE:
                futile = f" No runs were added: the chance that {last} would decide is {chance:.1%}."
                break
    return Decision(outcome, interval, runs, futile)
