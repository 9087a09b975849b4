"""Retrain on half of the retain set, to save half of the time."""

from __future__ import annotations

from torch.utils.data import Subset

from mu_conformance.training.loop import fit

__all__ = ["RetrainsOnHalf"]


class RetrainsOnHalf:
    """Retrains exactly, but leaves out every second retain row, which nobody asked to delete."""

    caught_by = "utility.retain-score"

    def unlearn(self, model, request):
        retrained = request.task.new_model(request.seed).to(request.device)
        rows = Subset(request.retain, range(0, len(request.retain), 2))
        with request.seeded():
            return fit(retrained, rows, request.task, request.recipe, request.seed)
