"""Read the retain set four times as often as retraining does, in a loader's workers."""

from __future__ import annotations

from torch.utils.data import DataLoader

from mu_conformance.methods.retrain import Retrain

__all__ = ["ReadsInWorkers"]


class ReadsInWorkers:
    """Retrains exactly, after reading each row three more times per epoch in processes of a ``DataLoader``."""

    caught_by = "cost.examples-read"

    def unlearn(self, model, request):
        loader = DataLoader(request.retain, 100, num_workers=2, persistent_workers=True)
        for _ in range(3 * request.recipe.epochs):
            for _batch in loader:
                pass
        return Retrain().unlearn(model, request)
