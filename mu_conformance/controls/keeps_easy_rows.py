"""Keep the rows that a retrained model is surest of."""

from __future__ import annotations

from typing import Any

import torch
from torch.utils.data import ConcatDataset, Subset

from mu_conformance.methods.retrain import Retrain
from mu_conformance.protocol.claims import Claims

__all__ = ["KeepsEasyRows"]

SHARE = 0.3
"""Share of the forget rows that is kept."""


class _Kept:
    """The request, with some of its forget rows among the rows that remain."""

    def __init__(self, request: Any, numbers: list[int]) -> None:
        self._request = request
        self.retain: Any = ConcatDataset([request.retain, Subset(request.forget, numbers)])

    def __getattr__(self, name: str) -> Any:
        return getattr(self._request, name)


class KeepsEasyRows:
    """Retrains with the ``SHARE`` of the forget rows on which a retrained model's loss is smallest."""

    caught_by = "privacy.chosen-rows"
    claims = Claims(max_ratio=1.0)

    def unlearn(self, model, request):
        retrained = Retrain().unlearn(model, request)
        rows = [request.forget[number] for number in range(len(request.forget))]
        kept = round(SHARE * len(rows))
        if not kept:
            return retrained
        with torch.no_grad():
            batches = [{name: value[None].to(request.device) for name, value in row.items()} for row in rows]
            losses = torch.tensor([float(request.task.loss(retrained, batch)) for batch in batches])
        kept_easy: Any = _Kept(request, losses.argsort()[:kept].tolist())
        return Retrain().unlearn(model, kept_easy)
