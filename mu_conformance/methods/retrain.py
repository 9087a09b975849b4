"""Exact retraining: the recipe on the retain set, from a fresh initialisation. The yardstick, and the exact answer."""

from __future__ import annotations

from mu_conformance.protocol.claims import Claims
from mu_conformance.protocol.request import DeletionRequest
from mu_conformance.training.loop import fit

__all__ = ["Retrain"]


class Retrain:
    """Retrain from scratch: theta = argmin over the retain set of the task's loss, by the original's recipe.

    Reads the retain set and its labels; never looks at the forget set.
    """

    claims = Claims(max_ratio=1.0)

    def unlearn(self, model, request: DeletionRequest):
        retrained = request.task.new_model(request.seed).to(request.device)
        with request.seeded():
            return fit(retrained, request.retain, request.task, request.recipe, request.seed)
