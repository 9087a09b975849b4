"""Rates of wrong verdicts, with intervals that account for a pool of models being a sample itself."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy.stats import beta

__all__ = ["Rate", "clopper_pearson", "pooled_rate"]


@dataclasses.dataclass(frozen=True)
class Rate:
    """A share of judgements, its interval at ``level``, and how many judgements there were."""

    estimate: float
    low: float
    high: float
    level: float
    judgements: int

    def to_json(self) -> dict[str, Any]:
        return {
            "estimate": round(self.estimate, 4),
            "interval": [round(self.low, 4), round(self.high, 4)],
            "level": self.level,
            "judgements": self.judgements,
        }


def clopper_pearson(events: int, trials: int, level: float = 0.95) -> tuple[float, float]:
    """The exact interval of a rate (Clopper & Pearson 1934). ``ValueError`` for counts that are none."""
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
    """How often something happens to a judgement on models drawn from pools of ``sizes``.

    ``happens(members, generator)`` makes one judgement, drawing without replacement from the members (indices) of each
    pool. The estimate is over ``judgements`` on the whole pools. Judgements on one pool share its models, so their
    number says little of how far the estimate would move with another pool: the interval is that of the rates on random
    halves of the pools (McCarthy 1969: a half varies about the whole as the whole does about the population; resampling
    with replacement would make one model reference and run at a time), each over ``of_replicate`` judgements. It is
    widened to the Clopper-Pearson interval of the judgements where that is wider, as it is where nothing happens; there
    it is too narrow, for what a pool does not show once, another may. Judgements on wholly fresh models have no such
    fault.
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
