"""Keep chosen forget rows among the rows that remain."""

from __future__ import annotations

from typing import Any

import torch
from torch.utils.data import ConcatDataset, Subset

__all__ = ["losses_of", "with_kept"]


class _Kept:
    """A request, with some of its forget rows among the rows that remain."""

    def __init__(self, request: Any, numbers: list[int]) -> None:
        self._request = request
        self.retain: Any = ConcatDataset([request.retain, Subset(request.forget, numbers)])

    def __getattr__(self, name: str) -> Any:
        return getattr(self._request, name)


def with_kept(request: Any, numbers: list[int]) -> Any:
    """Return the request with the forget rows of these numbers among the rows that remain."""
    return _Kept(request, numbers)


@torch.no_grad()
def losses_of(model: Any, request: Any) -> torch.Tensor:
    """Return the model's loss on each forget row, float [n]."""
    rows = [request.forget[number] for number in range(len(request.forget))]
    batches = [{name: value[None].to(request.device) for name, value in row.items()} for row in rows]
    return torch.tensor([float(request.task.loss(model, batch)) for batch in batches])
