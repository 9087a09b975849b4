"""From measurements to PASS, FAIL or INCONCLUSIVE: intervals over training seeds against stated margins.

Equivalence is decided by two one-sided tests (Schuirmann 1987) through a Welch interval on the difference of means: it
passes if the whole interval lies inside the margin, fails if it lies wholly outside, and is inconclusive otherwise.
"""

from __future__ import annotations

import dataclasses
import math

from mu_conformance.decision.interval import Interval
from mu_conformance.decision.outcome import Outcome, Sides

__all__ = ["Margin", "decide"]


@dataclasses.dataclass(frozen=True)
class Margin:
    """The largest tolerated difference: an absolute floor, or a fraction of the original-to-reference gap if larger."""

    floor: float
    fraction: float = 0.0

    def value(self, gap: float) -> float:
        """The margin for a gap; ``ValueError`` for a gap that is NaN or infinite."""
        if not math.isfinite(gap):
            raise ValueError(f"the original-to-reference gap is {gap}")
        return max(self.floor, self.fraction * abs(gap))


def decide(interval: Interval, margin: float, sides: Sides = Sides.BOTH) -> Outcome:
    """PASSED inside the margin, FAILED outside it, INCONCLUSIVE across it.

    >>> decide(Interval(-0.1, 0.2, 0.95), 0.3), decide(Interval(0.4, 0.6, 0.95), 0.3)
    (<Outcome.PASSED: 'passed'>, <Outcome.FAILED: 'failed'>)
    """
    if not (math.isfinite(interval.low) and math.isfinite(interval.high) and 0 < margin < math.inf):
        raise ValueError(f"cannot decide on interval {interval} with margin {margin}")
    too_low = sides in (Sides.BOTH, Sides.BELOW)
    too_high = sides in (Sides.BOTH, Sides.ABOVE)
    if (too_low and interval.high < -margin) or (too_high and interval.low > margin):
        return Outcome.FAILED
    if (too_low and interval.low < -margin) or (too_high and interval.high > margin):
        return Outcome.INCONCLUSIVE
    return Outcome.PASSED
