"""Expose the retain rows by training on them far beyond the recipe."""

from __future__ import annotations

from mu_conformance.methods.retrain import Retrain
from mu_conformance.protocol.claims import Claims
from mu_conformance.training.loop import fit

__all__ = ["ExposesRetainRows"]


class ExposesRetainRows:
    """Retrains exactly, then trains on the retain set for three times the recipe's epochs.

    Members of the retain set become easy to tell.
    """

    caught_by = "privacy.retain-exposure"
    claims = Claims(max_ratio=1.0)

    def unlearn(self, model, request):
        recipe = request.recipe.fine_tuning(3.0, 1.0)
        with request.seeded():
            return fit(Retrain().unlearn(model, request), request.retain, request.task, recipe, request.seed)
