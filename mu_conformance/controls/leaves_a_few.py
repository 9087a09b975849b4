"""Forgets most rows, and a few not at all."""

from __future__ import annotations

import torch

from mu_conformance.protocol import Claims
from mu_conformance.training import fit

__all__ = ["LeavesAFew"]


class LeavesAFew:
    """Retrains on the retain set and a quarter of the forget set: right on average, wrong for those rows."""

    caught_by = "privacy.worst-rows"
    claims = Claims(max_ratio=1.0)

    def unlearn(self, model, request):
        left = len(request.forget) // 4
        rows: torch.utils.data.Dataset = torch.utils.data.ConcatDataset(
            [request.retain, torch.utils.data.Subset(request.forget, range(left))]
        )
        retrained = request.task.new_model(request.seed).to(request.device)
        with request.seeded():
            return fit(retrained, rows, request.task, request.recipe, request.seed)
