"""Return early, and without a model, if there is nothing to forget."""

from __future__ import annotations

from mu_conformance.methods.retrain import Retrain

__all__ = ["NoneIfEmpty"]


class NoneIfEmpty:
    """Retrains exactly, but returns None for an empty request."""

    caught_by = "contract.empty-request"

    def unlearn(self, model, request):
        if not len(request.forget):
            return None
        return Retrain().unlearn(model, request)
