"""Work on some models and not on others."""

from __future__ import annotations

from mu_conformance.methods.retrain import Retrain

__all__ = ["DependsOnLuck"]


class DependsOnLuck:
    """Retrains exactly for half of all seeds, and returns the original for the other half."""

    caught_by = "robustness.seeds"

    def unlearn(self, model, request):
        return Retrain().unlearn(model, request) if request.seed % 2 else model
