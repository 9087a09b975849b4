"""Decide at interim looks, until a look is conclusive or further runs are futile."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from mu_conformance.decision.interval import Interval, conclusive_chance, difference_interval
from mu_conformance.decision.outcome import Outcome, Sides
from mu_conformance.decision.rule import decide

__all__ = ["FUTILE", "Decision", "decide_at_looks"]

FUTILE = 0.05
"""Least chance of a decision at which runs are added. Stopping can leave a check inconclusive, never pass it."""


@dataclasses.dataclass(frozen=True)
class Decision:
    """Hold the result of the last look that was made."""

    outcome: Outcome
    """Outcome at that look."""
    interval: Interval
    """Interval of the runs' mean minus the references' mean."""
    runs: np.ndarray
    """The statistic of each run, float [n]."""
    futile: str = ""
    """Sentence on why no more runs were made; empty if futility was not the reason."""


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
    """Decide on rising numbers of runs, until a look is conclusive.

    Args:
        looks: rising numbers of runs at which to decide.
        level: level of each interval, in (0, 1). The caller has already shared the type I error rate over the looks.
        runs_of: function from a number of runs to the statistic of each, float [count].
        references: statistic of each reference, float [references].
        margin: largest tolerated difference of means, above 0, on the statistic's scale.
        sides: departures that count.
        spread_as_references: as in ``difference_interval``.
        stops_if_futile: add no runs where their chance to decide is below ``FUTILE``.

    Raises:
        ValueError: a value is not finite, or there are fewer than two references.
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
