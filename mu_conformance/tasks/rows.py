"""Hold rows as columns of tensors, and the parts into which a task's rows are split."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch

__all__ = ["Rows", "Splits", "TaskError"]


class TaskError(ValueError):
    """Raised when a task's data or architecture is unusable; the message says which and what to do."""


class Rows:
    """Holds columns of equal length, one row per example; a map-style dataset of dicts of tensors.

    Raises ``TaskError`` for no columns, columns of different lengths, or NaN or infinite values.

    >>> rows = Rows({"x": torch.zeros(4, 2), "labels": torch.tensor([0, 1, 0, 1])})
    >>> len(rows), sorted(rows[0])
    (4, ['labels', 'x'])
    """

    def __init__(self, columns: Mapping[str, torch.Tensor]) -> None:
        if not columns:
            raise TaskError("rows need at least one column")
        lengths = {name: len(column) for name, column in columns.items()}
        if len(set(lengths.values())) != 1:
            raise TaskError(f"columns of different lengths: {lengths}")
        for name, column in columns.items():
            if column.is_floating_point() and not bool(torch.isfinite(column).all()):
                raise TaskError(f"column {name!r} holds NaN or infinite values")
        self.columns = {name: column.contiguous() for name, column in columns.items()}

    @classmethod
    def of(cls, dataset: Any) -> Rows:
        """Return the rows of any map-style dataset of dicts: tensors, arrays or numbers.

        Every row needs the same columns and shapes. Raises ``TaskError`` that names the first row which is ragged,
        lacks a column or is not a dict of numbers.
        """
        if isinstance(dataset, cls):
            return dataset
        try:
            size = len(dataset)
        except TypeError:
            raise TaskError(f"rows must be Rows or a dataset with a length, got {type(dataset).__name__}") from None
        if size == 0:
            raise TaskError("the dataset has no rows")
        found: dict[str, list[torch.Tensor]] = {}
        for number in range(size):
            row = dataset[number]
            if not isinstance(row, Mapping):
                raise TaskError(f"row {number} must be a dict of tensors, got {type(row).__name__}")
            if number and row.keys() != found.keys():
                odd = ", ".join(sorted(map(str, row.keys() ^ found.keys())))
                raise TaskError(f"row {number} and row 0 differ in the columns {odd}; every row needs the same")
            for name, value in row.items():
                found.setdefault(name, []).append(_tensor(number, name, value, found.get(name)))
        return cls({name: torch.stack(values) for name, values in found.items()})

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        return {name: column[index] for name, column in self.columns.items()}

    def batch(self, indices: torch.Tensor | Sequence[int]) -> dict[str, torch.Tensor]:
        """Return the rows at ``indices``, stacked."""
        at = torch.as_tensor(indices, dtype=torch.long)
        return {name: column[at] for name, column in self.columns.items()}

    def select(self, indices: np.ndarray | torch.Tensor | Sequence[int]) -> Rows:
        """Return a new ``Rows`` with the rows at ``indices``, in that order."""
        return Rows(self.batch(torch.as_tensor(np.asarray(indices), dtype=torch.long)))

    def with_labels(self, indices: np.ndarray, labels: np.ndarray) -> Rows:
        """Return a copy in which the rows at ``indices`` carry ``labels``."""
        changed = self.labels.clone()
        changed[torch.as_tensor(indices, dtype=torch.long)] = torch.as_tensor(labels, dtype=changed.dtype)
        return Rows({**self.columns, "labels": changed})

    def replaced(self, indices: np.ndarray, rows: Rows) -> Rows:
        """Return a copy in which the rows at ``indices`` are ``rows``, in that order."""
        at = torch.as_tensor(indices, dtype=torch.long)
        return Rows({name: column.index_copy(0, at, rows.columns[name]) for name, column in self.columns.items()})

    def joined(self, rows: Rows) -> Rows:
        """Return these rows followed by ``rows``, which need the same columns."""
        return Rows({name: torch.cat([column, rows.columns[name]]) for name, column in self.columns.items()})

    @property
    def labels(self) -> torch.Tensor:
        """Return the column ``labels``, int64: [n] for classes, [n, length] for text to be generated."""
        if "labels" not in self.columns:
            raise TaskError("these rows have no column 'labels'")
        return self.columns["labels"]

    def batches(self, size: int) -> Iterator[dict[str, torch.Tensor]]:
        """Yield all rows in order, in batches of at most ``size``."""
        for start in range(0, len(self), size):
            yield {name: column[start : start + size] for name, column in self.columns.items()}

    def digest(self) -> str:
        """Return the SHA-256 over names, types, shapes and values."""
        sha = hashlib.sha256()
        for name, column in sorted(self.columns.items()):
            sha.update(f"{name}:{column.dtype}:{tuple(column.shape)};".encode())
            sha.update(column.numpy().tobytes())
        return sha.hexdigest()


def _tensor(number: int, name: str, value: Any, before: list[torch.Tensor] | None) -> torch.Tensor:
    """Return a row's value as a tensor of the first row's type and shape."""
    try:
        tensor = torch.as_tensor(value)
    except (TypeError, ValueError, RuntimeError):
        raise TaskError(f"row {number}: column {name!r} holds no numbers but {type(value).__name__}") from None
    if before and tensor.shape != before[0].shape:
        shapes = f"{list(tensor.shape)}, in row 0 {list(before[0].shape)}"
        raise TaskError(f"row {number}: column {name!r} has the shape {shapes}; pad or cut rows to one shape")
    if before and tensor.dtype != before[0].dtype:
        raise TaskError(f"row {number}: column {name!r} is {tensor.dtype}, in row 0 {before[0].dtype}")
    if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
        raise TaskError(f"row {number}: column {name!r} holds NaN or infinite values")
    return tensor


@dataclasses.dataclass(frozen=True)
class Splits:
    """Holds a task's data in parts; each part is ``Rows`` or any map-style dataset of dicts (``Rows.of``).

    Raises ``TaskError`` that names the part whose rows are unusable.
    """

    train: Rows
    """Rows to train on."""
    holdout: Rows
    """Rows of the same kind that no model is trained on, for the attacks."""
    test: Rows
    """Rows for the score."""
    units: np.ndarray | None = None
    """Deletion unit of each training row (a speaker, a class), int [n_train]; None: no units."""
    unit_names: tuple[str, ...] = ()
    """Names of the units."""
    deletable_units: tuple[int, ...] | None = None
    """Units that a request may name; None: all."""
    ood: Rows | None = None
    """Rows of another distribution; None: none."""
    strata: np.ndarray | None = None
    """Strata over which a random forget set is balanced, int [n_train]; None: the classes, or one stratum."""

    def __post_init__(self) -> None:
        for part in ("train", "holdout", "test", "ood"):
            rows = getattr(self, part)
            if rows is not None:
                try:
                    object.__setattr__(self, part, Rows.of(rows))
                except TaskError as error:
                    raise TaskError(f"{part} rows: {error}") from None

    def parts(self) -> dict[str, Rows]:
        """Return the rows of each part by name; ``ood`` only where there are any."""
        found = {"train": self.train, "holdout": self.holdout, "test": self.test}
        return found if self.ood is None else {**found, "ood": self.ood}
