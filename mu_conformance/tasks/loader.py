"""Iterate over a request's rows in batches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch

__all__ = ["BatchLoader", "collate"]


def collate(rows: Sequence[Mapping[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """Stack rows into a batch."""
    return {name: torch.stack([row[name] for row in rows]) for name in rows[0]}


class BatchLoader:
    """Iterates over a map-style dataset in batches.

    For rows in memory this is faster than ``DataLoader``, and an empty dataset gives no batches. Batches are of nearly
    equal size, none above ``batch_size``. A last batch of two rows throws batch normalisation off: retain accuracy was
    0.90 +- 0.04 instead of 0.998.

    Raises ``ValueError`` for a batch size below 1.
    """

    def __init__(
        self, dataset: Any, batch_size: int, *, shuffle: bool, generator: torch.Generator | None, collate: Any
    ) -> None:
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, got {batch_size}")
        self.dataset, self.batch_size, self.shuffle = dataset, batch_size, shuffle
        self.generator, self.collate = generator, collate

    def __len__(self) -> int:
        return -(-len(self.dataset) // self.batch_size)

    def __iter__(self) -> Iterator[dict[str, torch.Tensor]]:
        n = len(self.dataset)
        order = torch.randperm(n, generator=self.generator) if self.shuffle else torch.arange(n)
        take = getattr(self.dataset, "batch", None)
        for at in order.tensor_split(len(self)) if n else ():
            yield take(at) if take is not None else self.collate([self.dataset[int(i)] for i in at])
