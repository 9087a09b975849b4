"""Drops the last batch of the forget set where it is not full, and with it a request of one row."""

from __future__ import annotations

from mu_conformance.methods.retrain import Retrain

__all__ = ["DropsLastBatch"]


class DropsLastBatch:
    """Retrains exactly once it has seen a full batch of two forget rows; a single row is none, and None comes back."""

    caught_by = "contract.single-example"

    def unlearn(self, model, request):
        if len(request.forget) == 1:
            return None
        return Retrain().unlearn(model, request)
