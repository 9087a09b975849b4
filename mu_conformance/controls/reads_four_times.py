"""Read the retain set four times as often as retraining does."""

from __future__ import annotations

from mu_conformance.methods.retrain import Retrain

__all__ = ["ReadsFourTimes"]


class ReadsFourTimes:
    """Retrains exactly, after reading each row three more times per epoch to no purpose."""

    caught_by = "cost.examples-read"

    def unlearn(self, model, request):
        for _ in range(3 * request.recipe.epochs):
            for row in range(len(request.retain)):
                request.retain[row]
        return Retrain().unlearn(model, request)
