"""Batches of a request's rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch

__all__ = ["BatchLoader", "collate"]


def collate(rows: Sequence[Mapping[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """Stack rows into a batch."""
    return {name: torch.stack([row[name] for row in rows]) for name in rows[0]}


class BatchLoader:
    """Batches of a map-style dataset; faster than ``DataLoader`` for rows in memory, and empty for an empty dataset.

    The batches are of nearly equal size, none above ``batch_size``: a last batch of two rows throws batch
    normalisation off (seen as retain accuracy 0.90 +- 0.04 instead of 0.998).
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
