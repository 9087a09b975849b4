"""Draw deletion requests that nobody can foresee: secret rows, secret sizes and a secret original.

The secret original is trained on the retain rows of a scenario and on a pool of the holdout rows, as many as the
scenario forgets. A request names rows of the pool, or of the retain rows, or of both. No stored model of the scenario
was trained on the pool. Its references are therefore references of a request for rows of the pool as well.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from typing import ClassVar

import numpy as np

from mu_conformance.protocol.seeding import derive_seed
from mu_conformance.scenarios.forget_sets import ForgetSet
from mu_conformance.scenarios.scenario import Scenario
from mu_conformance.tasks import Rows

__all__ = ["Draw", "UnseenScenario", "systematic_sizes"]

INSIDE_SHARE = 3
"""One in so many rows of the largest request is a retain row of the scenario."""

KNOWN = 200
"""Most retain rows with which rows of the pool that stay are compared."""


def systematic_sizes(largest: int, count: int, offset: float) -> tuple[int, ...]:
    """Return sizes of requests from 1 to ``largest``, log-uniform each, int [count], falling.

    The sizes are a systematic sample: one for each of ``count`` strata of equal width on the log scale. A range of
    sizes that is wider than a stratum therefore always has a request in it.

    Args:
        largest: largest size, at least 1.
        count: number of sizes.
        offset: uniform draw in [0, 1), the place inside each stratum.
    """
    places = [(number + offset) / count for number in range(count)]
    # Each size s has the interval [s, s + 1) of the log scale, so that 1 is drawn as well.
    return tuple(min(largest, int((largest + 1) ** place)) for place in reversed(places))


@dataclasses.dataclass(frozen=True)
class Draw:
    """Draws everything about the unseen requests on one scenario from a secret."""

    base: Scenario
    """Scenario whose retain rows and references are used."""
    secret: str
    """Secret of the session. Nobody can tell what it draws without it."""
    count: int
    """Number of requests."""
    ratio: float
    """Largest share of the original's training rows that a request names, in (0, 1]."""

    def seed(self, *parts: object) -> int:
        """Return a secret seed for a use."""
        return derive_seed(self.secret, self.base.task.name, self.base.name, *parts)

    def _generator(self, use: str) -> np.random.RandomState:
        return np.random.RandomState(self.seed(use))

    @functools.cached_property
    def pool(self) -> np.ndarray:
        """Return the numbers of the holdout rows that the original was trained on, int64 [n], ascending.

        There are as many as the scenario forgets, so that the number of training rows tells nothing. At least half of
        the holdout rows is left for comparison.
        """
        holdout = len(self.base.task.splits.holdout)
        size = min(len(self.base.forget), holdout // 2)
        return np.sort(self._generator("pool").permutation(holdout)[:size])

    @property
    def rows(self) -> int:
        """Return the number of rows that the secret original was trained on."""
        return len(self.base.retain) + len(self.pool)

    @functools.cached_property
    def sizes(self) -> tuple[int, ...]:
        """Return the sizes of the requests, falling: log-uniform from one row to the largest ratio."""
        largest = max(1, min(math.floor(self.ratio * self.rows + 1e-9), self._most))
        return systematic_sizes(largest, self.count, self._generator("sizes").uniform())

    @property
    def _most(self) -> int:
        """Return the number of rows that the largest request can name."""
        return len(self.pool) * INSIDE_SHARE // (INSIDE_SHARE - 1)

    def inside(self, count: int) -> np.ndarray:
        """Return the numbers of ``count`` retain rows that are to be forgotten too, int64, ascending."""
        return np.sort(self._generator("inside").permutation(self.measured_retain)[:count])

    @property
    def measured_retain(self) -> int:
        """Return the number of retain rows of which the references' outputs are stored, the first ones."""
        rows = len(self.base.retain)
        return min(self.base.task.measured_retain_rows or rows, rows)

    @functools.cached_property
    def order(self) -> np.ndarray:
        """Return the place of each training row, a permutation: the order must not tell the pool from the rest."""
        return self._generator("order").permutation(self.rows)

    def scenario(self, outside: np.ndarray, inside: int) -> UnseenScenario:
        """Return the scenario of one request.

        Args:
            outside: which rows of the pool it names, as numbers in the pool.
            inside: number of retain rows that it names besides.
        """
        base = self.base
        return UnseenScenario(
            base.task,
            base.kind,
            base.ratio,
            base.architecture,
            base.seed,
            draw=self,
            outside=np.sort(outside),
            inside=self.inside(inside),
        )


@dataclasses.dataclass(frozen=True, eq=False)
class UnseenScenario(Scenario):
    """Names one unseen request.

    Its rows of the pool are the part ``forget``, and its retain rows the part ``inside``. Rows of the pool that stay
    are the part ``kept``, and those retain rows that are compared with them the part ``known``.
    """

    brief_parts: ClassVar[tuple[str, ...]] = ("forget", "inside", "kept", "known", "holdout")

    draw: Draw = dataclasses.field(kw_only=True)
    """What was drawn."""
    outside: np.ndarray = dataclasses.field(kw_only=True)
    """Rows of the request, as numbers in the pool, ascending."""
    inside: np.ndarray = dataclasses.field(kw_only=True)
    """Rows of the request, as numbers in the base's retain rows, ascending."""

    @property
    def size(self) -> int:
        """Return the number of rows that the request names."""
        return len(self.outside) + len(self.inside)

    @property
    def name(self) -> str:
        """Return the name, which says the size."""
        return f"{self.draw.base.name}, unseen request of {self.size} rows"

    @functools.cached_property
    def forget_set(self) -> ForgetSet:
        """Return the rows of the request, as numbers in the original's training rows."""
        place = np.argsort(self.draw.order)
        asked = np.concatenate([self.inside, len(self.draw.base.retain) + self.outside])
        return ForgetSet("unseen", np.sort(place[asked]))

    @functools.cached_property
    def train(self) -> Rows:
        """Return the rows that the secret original was trained on."""
        holdout = self.task.splits.holdout.select(self.draw.pool)
        return self.draw.base.retain.joined(holdout).select(self.draw.order)

    @functools.cached_property
    def rows(self) -> dict[str, Rows]:
        """Return the rows on which models are measured; only the parts ``forget`` and ``holdout`` are always there."""
        holdout = self.task.splits.holdout
        found = {
            "forget": holdout.select(self.draw.pool[self.outside]),
            "holdout": holdout.select(self.compared),
        }
        if len(self.inside):
            found["inside"] = self.draw.base.retain.select(self.inside)
        if len(self.kept):
            found["kept"] = holdout.select(self.draw.pool[self.kept])
            found["known"] = self.draw.base.retain.select(self.known)
        return found

    @functools.cached_property
    def kept(self) -> np.ndarray:
        """Return the rows of the pool that the request does not name, as numbers in the pool, int64, ascending."""
        return np.setdiff1d(np.arange(len(self.draw.pool)), self.outside)

    @functools.cached_property
    def known(self) -> np.ndarray:
        """Return retain rows that the request does not name, as numbers in the base's retain rows, int64, ascending."""
        rows = self.draw.measured_retain
        return np.setdiff1d(np.arange(rows), self.inside)[:KNOWN]

    @functools.cached_property
    def compared(self) -> np.ndarray:
        """Return the numbers of the holdout rows that no model of this scenario was trained on, int64, ascending."""
        return np.setdiff1d(np.arange(len(self.task.splits.holdout)), self.draw.pool)
