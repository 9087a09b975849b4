"""Estimate rates of wrong verdicts; the intervals account for the pool of models being a sample itself."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy.stats import beta

__all__ = ["Rate", "clopper_pearson", "pooled_rate"]


@dataclasses.dataclass(frozen=True)
class Rate:
    """Holds a share of judgements."""

    estimate: float
    """The share, in [0, 1]."""
    low: float
    """Lower end of its interval."""
    high: float
    """Upper end of its interval."""
    level: float
    """Confidence level of the interval."""
    judgements: int
    """Number of judgements."""

    def to_json(self) -> dict[str, Any]:
        """Return the rate as plain JSON."""
        return {
            "estimate": round(self.estimate, 4),
            "interval": [round(self.low, 4), round(self.high, 4)],
            "level": self.level,
            "judgements": self.judgements,
        }


def clopper_pearson(events: int, trials: int, level: float = 0.95) -> tuple[float, float]:
    """Return the exact interval of a rate (Clopper & Pearson 1934).

    Raises ``ValueError`` for counts that are no rate.
    """
    if not 0 <= events <= trials or trials < 1:
        raise ValueError(f"{events} of {trials} is no rate")
    tail = (1 - level) / 2
    low = float(beta.ppf(tail, events, trials - events + 1)) if events else 0.0
    high = float(beta.ppf(1 - tail, events + 1, trials - events)) if events < trials else 1.0
    return low, high


def pooled_rate(
    sizes: Sequence[int],
    happens: Callable[[list[np.ndarray], np.random.Generator], bool],
    *,
    judgements: int,
    replicates: int,
    of_replicate: int,
    level: float = 0.95,
    seed: int = 0,
) -> Rate:
    """Return how often something happens to a judgement on models drawn from pools of ``sizes``.

    The estimate is over ``judgements`` on the whole pools. Judgements on one pool share its models, so their number
    says little about another pool. The interval is therefore that of the rates on random halves of the pools. A half
    varies about the whole as the whole does about the population (McCarthy 1969). Resampling with replacement would
    make one model reference and run at a time.

    The interval is widened to the Clopper-Pearson interval where that is wider, as where nothing happens. Where nothing
    happens the interval is still too narrow, because another pool may show what this one does not. Judgements on wholly
    fresh models have no such fault.

    Args:
        sizes: number of models in each pool.
        happens: makes one judgement, drawing without replacement from the members (indices) of each pool; True if it
            happens.
        judgements: number of judgements on the whole pools.
        replicates: number of random halves; 0: the Clopper-Pearson interval alone.
        of_replicate: number of judgements on each half.
        level: confidence level of the interval.
        seed: seed of the draws.
    """
    generator = np.random.default_rng(seed)
    whole = [np.arange(size) for size in sizes]
    events = sum(happens(whole, generator) for _ in range(judgements))
    rates = []
    for _ in range(replicates):
        members = [generator.permutation(size)[: -(-size // 2)] for size in sizes]
        rates.append(np.mean([happens(members, generator) for _ in range(of_replicate)]))
    low, high = clopper_pearson(events, judgements, level)
    if rates:
        found = np.quantile(rates, [(1 - level) / 2, (1 + level) / 2])
        low, high = min(low, float(found[0])), max(high, float(found[1]))
    return Rate(events / judgements, low, high, level, judgements)
