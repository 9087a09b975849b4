"""Draw forget sets: the training rows named by a deletion request, in several kinds.

MU-Bench's deletion order (Cheng & Amiri, arXiv 2406.14796) is class-balanced and nested: a larger ratio always contains
the rows of a smaller one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from mu_conformance.tasks import Task

__all__ = ["ForgetSet", "ForgetSetError", "Request", "check_ratio", "deletion_order", "draw", "kinds", "largest_share"]

SEQUENTIAL_REQUESTS = 2
"""Number of requests of a sequential forget set."""
LARGEST_RATIO = 0.5
"""Largest deletion ratio."""


class ForgetSetError(ValueError):
    """Raised when a forget set cannot be drawn; the message names the task and what to ask for instead."""


@dataclasses.dataclass(frozen=True)
class ForgetSet:
    """Holds the training rows to be deleted."""

    kind: str
    """Kind of forget set."""
    indices: np.ndarray
    """Numbers of the training rows, int64 [n], ascending."""
    trained_labels: np.ndarray | None = None
    """Labels that the original was trained with on those rows, int64 [n]; None: the task's own."""
    triggered: bool = False
    """True if the original was trained with the task's trigger on those rows."""
    unit: str | None = None
    """Name of the deleted unit; None: no unit."""
    in_turn: tuple[np.ndarray, ...] = ()
    """The same rows by request, if there are several requests."""

    @property
    def requests(self) -> tuple[np.ndarray, ...]:
        """Return the rows of each request in turn; one request unless sequential."""
        return self.in_turn or (self.indices,)


@dataclasses.dataclass(frozen=True)
class Request:
    """Describes the forget set to be drawn."""

    task: Task
    """The task."""
    ratio: float
    """Deletion ratio, in (0, ``LARGEST_RATIO``]."""
    seed: int
    """Seed of the draw."""
    memorization: Callable[[], np.ndarray] | None = None
    """Function that returns each training row's memorization estimate, float [n_train], for the kind that needs it."""


def deletion_order(labels: np.ndarray, rng: np.random.RandomState, increments: int = 10) -> np.ndarray:
    """Return MU-Bench's deletion order, int64 row indices: ``increments`` nested increments of about 1 % each.

    Each increment takes ``per_class = max(1, int(int(N / 100) / C))`` rows of every class, labels ascending, without
    replacement. Any shortfall is filled at random from all remaining rows. Ratio p % uses the first ``int(p / 10 *
    len(order))``.

    The draws follow the public lists: ``deletion_order(imdb_labels, np.random.RandomState(42))`` reproduces the
    published IMDB list.

    Raises ``ForgetSetError`` for empty or multi-dimensional ``labels``.

    Args:
        labels: label of each training row, [n].
        rng: generator of the draws.
        increments: number of increments.
    """
    labels = np.asarray(labels)
    if labels.ndim != 1 or len(labels) == 0:
        raise ForgetSetError(f"deletion_order needs a one-dimensional, non-empty array of labels, got {labels.shape}")
    classes = np.unique(labels)
    per_class = max(1, int(int(len(labels) * 1 / 100) / len(classes)))
    target = per_class * len(classes)
    remaining = {c: np.flatnonzero(labels == c) for c in classes}
    order: list[int] = []
    for _ in range(increments):
        increment: list[int] = []
        for c in classes:
            take = min(per_class, len(remaining[c]))
            chosen = rng.choice(remaining[c], take, replace=False)
            remaining[c] = np.setdiff1d(remaining[c], chosen, assume_unique=True)
            increment.extend(int(i) for i in chosen)
        shortfall = target - len(increment)
        if shortfall > 0:
            everything = np.sort(np.concatenate([remaining[c] for c in classes]))
            chosen = rng.choice(everything, min(shortfall, len(everything)), replace=False)
            for c in classes:
                remaining[c] = np.setdiff1d(remaining[c], chosen)
            increment.extend(int(i) for i in chosen)
        order.extend(increment)
    return np.asarray(order, dtype=np.int64)


def check_ratio(ratio: float) -> float:
    """Return ``ratio`` if it can be a deletion ratio; raise ``ForgetSetError`` otherwise."""
    if not 0 < ratio <= LARGEST_RATIO:
        raise ForgetSetError(f"a deletion ratio must lie in (0, {LARGEST_RATIO:g}], got {ratio:g}")
    return ratio


def _count(task: Task, ratio: float) -> int:
    """Return the number of rows that a ratio names, at least one; raise ``ForgetSetError`` if there is none."""
    rows = len(task.splits.train)
    count = int(check_ratio(ratio) * rows + 1e-9)
    if count == 0:
        raise ForgetSetError(f"task {task.name}: ratio {ratio} selects no row of {rows}; ask for a larger ratio")
    return count


def _random_order(request: Request) -> np.ndarray:
    """Return MU-Bench's order, as far as the ratio goes; beyond a tenth, the same rule gives more increments."""
    task, ratio = request.task, request.ratio
    count = _count(task, ratio)
    increments = 10 if ratio <= 0.10 else int(np.ceil(ratio * 100 - 1e-9))
    order = deletion_order(task.strata, np.random.RandomState(request.seed), increments)
    # With fewer than 100 rows a class, MU-Bench's increments are longer than 1 % (one row of each class at least). The
    # ratio asked for is then the bound, so that a claim's largest ratio means what it says.
    count = min(int(ratio / (increments / 100) * len(order) + 1e-9), count)
    if count == 0:
        raise ForgetSetError(f"task {task.name}: ratio {ratio} selects no row of {len(order)}; ask for a larger ratio")
    return order[:count]


_KINDS: dict[str, Callable[[Request], ForgetSet]] = {}


def _kind(function: Callable[[Request], ForgetSet]) -> Callable[[Request], ForgetSet]:
    """Register a kind of forget set under the function's name."""
    _KINDS[function.__name__] = function
    return function


@_kind
def random(request: Request) -> ForgetSet:
    """Draw class-balanced random rows in MU-Bench's order."""
    return ForgetSet("random", np.sort(_random_order(request)))


@_kind
def unit(request: Request) -> ForgetSet:
    """Take every training row of one random deletion unit: a speaker, a class, a person.

    The ratio is the unit's own.
    """
    task, splits = request.task, request.task.splits
    if splits.units is None or not splits.unit_names:
        raise ForgetSetError(
            f"task {task.name} has no deletion unit; its forget sets are {', '.join(task.forget_sets)}"
        )
    eligible = splits.deletable_units if splits.deletable_units is not None else tuple(range(len(splits.unit_names)))
    if not eligible or len(splits.units) != len(splits.train):
        raise ForgetSetError(f"task {task.name}: no deletable unit, or not one unit for each training row")
    chosen = int(np.random.RandomState(request.seed).choice(np.asarray(eligible)))
    rows = np.flatnonzero(splits.units == chosen)
    if len(rows) == 0:
        raise ForgetSetError(f"task {task.name}: unit {splits.unit_names[chosen]!r} has no training row")
    return ForgetSet("unit", rows, unit=splits.unit_names[chosen])


@_kind
def memorized(request: Request) -> ForgetSet:
    """Take the rows that models fit only if they were trained on them, as many as the ratio says.

    Random rows hide the risk: models that never saw them know most of them (arXiv 2403.07362, 2506.13009).
    """
    if request.memorization is None:
        raise ForgetSetError(f"task {request.task.name}: a memorized forget set needs memorization estimates")
    estimates = request.memorization()
    count = _count(request.task, request.ratio)
    return ForgetSet("memorized", np.sort(np.argsort(-estimates, kind="stable")[:count]))


@_kind
def mislabelled(request: Request) -> ForgetSet:
    """Take the rows of ``random``, trained on with wrong labels, which must leave no trace."""
    task = request.task
    if not task.num_classes or task.num_classes < 2:
        raise ForgetSetError(f"task {task.name} has no classes, so no row of it can be mislabelled")
    rows = np.sort(_random_order(request))
    rng = np.random.RandomState((request.seed + 1) % 2**32)
    true = task.splits.train.labels.numpy()[rows]
    wrong = (true + rng.randint(1, task.num_classes, size=len(rows))) % task.num_classes
    return ForgetSet("mislabelled", rows, trained_labels=wrong.astype(np.int64))


@_kind
def backdoored(request: Request) -> ForgetSet:
    """Take the rows of ``random``, trained on with a trigger and one label; the backdoor must go with them.

    BadNets: Gu et al. 2017, arXiv 1708.06733. Poisons that survive unlearning: Pawelczyk et al. 2024, arXiv 2406.17216.
    """
    task = request.task
    if task.trigger_label is None:
        raise ForgetSetError(f"task {task.name} has no trigger (trigger_label), so no row of it can be backdoored")
    rows = np.sort(_random_order(request))
    return ForgetSet("backdoored", rows, np.full(len(rows), task.trigger_label, dtype=np.int64), triggered=True)


@_kind
def sequential(request: Request) -> ForgetSet:
    """Take the rows of ``random`` in two requests one after another; the second request gets the first one's result."""
    order = _random_order(request)
    if len(order) < SEQUENTIAL_REQUESTS:
        raise ForgetSetError(
            f"task {request.task.name}: ratio {request.ratio} gives too few rows for {SEQUENTIAL_REQUESTS} requests"
        )
    in_turn = tuple(np.sort(part) for part in np.array_split(order, SEQUENTIAL_REQUESTS))
    return ForgetSet("sequential", np.sort(order), in_turn=in_turn)


def kinds() -> tuple[str, ...]:
    """Return the names of all kinds of forget set."""
    return tuple(_KINDS)


def check_kind(task: Task, kind: str) -> str:
    """Return ``kind`` if the task has it; ``ForgetSetError`` names the choices."""
    if kind not in _KINDS:
        raise ForgetSetError(f"unknown kind of forget set {kind!r}; the kinds are {', '.join(_KINDS)}")
    if kind not in task.forget_sets:
        raise ForgetSetError(f"task {task.name} has no forget set {kind!r}; it has {', '.join(task.forget_sets)}")
    return kind


def draw(
    task: Task, kind: str, ratio: float, seed: int, memorization: Callable[[], np.ndarray] | None = None
) -> ForgetSet:
    """Draw a forget set, a function of the task, the kind, the ratio and the seed.

    Raises ``ForgetSetError`` if the task has no such forget set.
    """
    return _KINDS[check_kind(task, kind)](Request(task, ratio, seed, memorization))


def largest_share(task: Task, kind: str, ratio: float, seed: int) -> float:
    """Return the share of the training rows that the largest single request names, without training anything."""
    if check_kind(task, kind) == "memorized":
        return _count(task, ratio) / len(task.splits.train)
    return max(map(len, draw(task, kind, ratio, seed).requests)) / len(task.splits.train)
