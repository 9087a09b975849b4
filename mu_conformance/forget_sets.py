"""The kinds of forget set: which training rows a deletion request names.

MU-Bench's deletion order (Cheng & Amiri, arXiv 2406.14796) is class-balanced and nested, so that the rows of a smaller
ratio are always among those of a larger one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from mu_conformance.task import ClassificationTask, Task

__all__ = ["ForgetSet", "ForgetSetError", "deletion_order", "draw", "kinds"]


class ForgetSetError(ValueError):
    """A forget set that cannot be drawn; the message names the task and what to ask for instead."""


@dataclasses.dataclass(frozen=True)
class ForgetSet:
    """Rows of the training set to be deleted.

    ``indices`` int64 [n], ascending. ``trained_labels``: the labels that the original was trained with on those rows
    where they differ from the task's own (mislabelled), else None. ``unit``: the deleted unit's name, if one.
    """

    kind: str
    indices: np.ndarray
    trained_labels: np.ndarray | None = None
    unit: str | None = None


def deletion_order(labels: np.ndarray, rng: np.random.RandomState, increments: int = 10) -> np.ndarray:
    """MU-Bench's deletion order: an int64 array of row indices, ``increments`` nested increments of about 1 % each.

    Each increment takes ``per_class = max(1, int(int(N / 100) / C))`` rows of every class (labels ascending) without
    replacement from the rows that remain, and fills any shortfall at random from all remaining rows. Ratio p % uses
    the first ``int(p / 10 * len(order))``. The draws follow the public lists: the published IMDB list is reproduced
    by ``deletion_order(imdb_labels, np.random.RandomState(42))``.

    Raises ``ForgetSetError`` for an empty or multi-dimensional ``labels``.
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


def _random_rows(task: Task, ratio: float, seed: int) -> np.ndarray:
    order = deletion_order(task.splits.train.labels.numpy(), np.random.RandomState(seed))
    if not 0 < ratio <= 0.10:
        raise ForgetSetError(f"a deletion ratio must lie in (0, 0.1], the range of MU-Bench's order; got {ratio}")
    # With fewer than 100 rows a class, MU-Bench's increments are longer than 1 % (one row of each class at least);
    # the ratio asked for is then the bound, so that a claim's largest ratio means what it says.
    count = min(int(ratio / 0.10 * len(order) + 1e-9), int(ratio * len(task.splits.train) + 1e-9))
    if count == 0:
        raise ForgetSetError(f"task {task.name}: ratio {ratio} selects no row of {len(order)}; ask for a larger ratio")
    return np.sort(order[:count])


_KINDS: dict[str, Callable[[ClassificationTask, float, int], ForgetSet]] = {}


def _kind(
    function: Callable[[ClassificationTask, float, int], ForgetSet],
) -> Callable[[ClassificationTask, float, int], ForgetSet]:
    _KINDS[function.__name__] = function
    return function


@_kind
def random(task: ClassificationTask, ratio: float, seed: int) -> ForgetSet:
    """Class-balanced random rows in MU-Bench's order."""
    return ForgetSet("random", _random_rows(task, ratio, seed))


@_kind
def unit(task: ClassificationTask, ratio: float, seed: int) -> ForgetSet:
    """Every training row of one deletion unit: a speaker, a class. The ratio is the unit's own."""
    splits = task.splits
    if splits.units is None or not splits.unit_names:
        raise ForgetSetError(
            f"task {task.name} has no deletion unit; its forget sets are {', '.join(task.forget_sets)}"
        )
    eligible = splits.deletable_units if splits.deletable_units is not None else tuple(range(len(splits.unit_names)))
    if not eligible or len(splits.units) != len(splits.train):
        raise ForgetSetError(f"task {task.name}: no deletable unit, or not one unit for each training row")
    chosen = int(np.random.RandomState(seed).choice(np.asarray(eligible)))
    rows = np.flatnonzero(splits.units == chosen)
    if len(rows) == 0:
        raise ForgetSetError(f"task {task.name}: unit {splits.unit_names[chosen]!r} has no training row")
    return ForgetSet("unit", rows, unit=splits.unit_names[chosen])


@_kind
def mislabelled(task: ClassificationTask, ratio: float, seed: int) -> ForgetSet:
    """The same rows as ``random``, trained on with wrong labels, which must leave no trace."""
    rows = _random_rows(task, ratio, seed)
    rng = np.random.RandomState((seed + 1) % 2**32)
    true = task.splits.train.labels.numpy()[rows]
    wrong = (true + rng.randint(1, task.num_classes, size=len(rows))) % task.num_classes
    return ForgetSet("mislabelled", rows, trained_labels=wrong.astype(np.int64))


def kinds() -> tuple[str, ...]:
    """The names of all kinds of forget set."""
    return tuple(_KINDS)


def draw(task: ClassificationTask, kind: str, ratio: float, seed: int) -> ForgetSet:
    """Draw a forget set of a kind; a function of the task, the kind, the ratio and the seed."""
    if kind not in _KINDS:
        raise ForgetSetError(f"unknown kind of forget set {kind!r}; the kinds are {', '.join(_KINDS)}")
    if kind not in task.forget_sets:
        raise ForgetSetError(f"task {task.name} has no forget set {kind!r}; it has {', '.join(task.forget_sets)}")
    return _KINDS[kind](task, ratio, seed)
