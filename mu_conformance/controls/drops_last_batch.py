"""Drop the last batch of the forget set if it is not full, and with it any request of one row."""

from __future__ import annotations

from mu_conformance.methods.retrain import Retrain

__all__ = ["DropsLastBatch"]


class DropsLastBatch:
    """Retrains exactly if the forget rows fill a batch of two; returns None for a single row."""

    caught_by = "contract.single-example"

    def unlearn(self, model, request):
        if len(request.forget) == 1:
            return None
        return Retrain().unlearn(model, request)
