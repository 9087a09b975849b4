"""Serve the rows of a request to a method, and count what is read of them."""

from __future__ import annotations

import operator
import os
from typing import Any

import numpy as np
import torch

from mu_conformance.isolation.memory_files import Counters, read_tensors
from mu_conformance.tasks import Rows

__all__ = ["RequestRows"]


class RequestRows:
    """Serves a request's rows as a map-style dataset, and counts the reads of each row.

    Reads are counted in every process that has the rows: a DataLoader's workers, a pool, a program that gets them
    pickled.

    Args:
        rows: the rows.
        columns: names of the columns that are served.
        counters: counters of the rows; None for counters of this process alone.
        place: descriptors of the rows and of the counters, and the number of the first counter. Other processes open
            the rows there; None where they get a copy.
    """

    __slots__ = ("__columns", "__counters", "__place", "__rows", "__weakref__")

    def __init__(
        self,
        rows: Rows,
        columns: tuple[str, ...],
        counters: Counters | None = None,
        place: tuple[int, int, int] | None = None,
    ) -> None:
        self.__rows = Rows({name: rows.columns[name] for name in columns})
        self.__columns = columns
        self.__counters = counters or Counters(None, 0, len(rows))
        self.__place = place

    def __len__(self) -> int:
        return len(self.__rows)

    def __getitem__(self, index: Any) -> dict[str, torch.Tensor]:
        """Return the row of that number; of a slice or a sequence of numbers the rows, stacked."""
        if isinstance(index, slice):
            return self.batch(range(len(self))[index])
        if isinstance(index, list | tuple | range) or getattr(index, "ndim", 0) > 0:
            return self.batch([self._number(one) for one in index])
        number = self._number(index)
        self.__counters.values[number] += 1
        return self.__rows[number]

    def _number(self, index: Any) -> int:
        number = operator.index(index)
        if not -len(self) <= number < len(self):
            raise IndexError(f"row {number} of {len(self)}")
        return number % len(self)

    @property
    def labels(self) -> torch.Tensor:
        """Every row's label, int64 [rows, ...]; each row counts as read. ``AttributeError`` if there are none."""
        if "labels" not in self.__columns:
            raise AttributeError("these rows have no labels; claims.reads_labels says whether they are handed over")
        return self.batch(range(len(self)))["labels"]

    def batch(self, indices: Any) -> dict[str, torch.Tensor]:
        """Return the rows at ``indices``, stacked. Each counts as one read."""
        at = torch.as_tensor(indices, dtype=torch.long)
        # Plain indexing would count a repeated row once.
        np.add.at(self.__counters.values, at.numpy(), 1)
        return self.__rows.batch(at)

    @property
    def reads(self) -> np.ndarray:
        """Return the number of reads of each row so far, int64 [rows]."""
        return self.__counters.values.copy()

    def __reduce__(self) -> tuple[Any, ...]:
        if self.__place is None or not os.path.isdir("/proc/self/fd"):
            return RequestRows, (self.__rows, self.__columns)
        return _opened, (self.__columns, os.getpid(), *self.__place, len(self))


def _opened(columns: tuple[str, ...], process: int, rows: int, counters: int, first: int, size: int) -> RequestRows:
    """Return the rows in another process: opened from that which pickled them, so that its reads count too."""
    places = []
    for number, flags in ((rows, os.O_RDONLY), (counters, os.O_RDWR)):
        places.append(os.open(f"/proc/{process}/fd/{number}", flags))
    return RequestRows(
        Rows(read_tensors(places[0])), columns, Counters(places[1], first, size), (places[0], places[1], first)
    )
