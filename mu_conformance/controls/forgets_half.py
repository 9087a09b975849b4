"""Forgets every second row of what it was asked to."""

from __future__ import annotations

from typing import Any

from torch.utils.data import ConcatDataset, Subset

from mu_conformance.training import fit

__all__ = ["ForgetsHalf"]


class ForgetsHalf:
    """Retrains exactly, but on half of the forget rows as well."""

    caught_by = "privacy.membership-loss"

    def unlearn(self, model, request):
        retrained = request.task.new_model(request.seed).to(request.device)
        rows: ConcatDataset[Any] = ConcatDataset(
            [request.retain, Subset(request.forget, range(0, len(request.forget), 2))]
        )
        with request.seeded():
            return fit(retrained, rows, request.task, request.recipe, request.seed)
