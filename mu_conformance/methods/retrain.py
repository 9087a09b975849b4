"""Exact retraining: train a fresh model by the recipe on the retain set. All other methods are measured against it."""

from __future__ import annotations

from mu_conformance.protocol.claims import Claims
from mu_conformance.protocol.request import DeletionRequest
from mu_conformance.training.loop import fit

__all__ = ["Retrain"]


class Retrain:
    """Retrains from scratch on the retain set, by the original's recipe.

    theta = argmin L(theta; retain). Reads the retain set and its labels. Never looks at the forget set.
    """

    claims = Claims(max_ratio=1.0)

    def unlearn(self, model, request: DeletionRequest):
        retrained = request.task.new_model(request.seed).to(request.device)
        with request.seeded():
            return fit(retrained, request.retain, request.task, request.recipe, request.seed)
