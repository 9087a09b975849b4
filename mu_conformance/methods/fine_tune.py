"""Fine-tuning: train on, on the retain set only, and let the forget set fade (Golatkar et al. 2020; Warnecke et al. 2021)."""

from __future__ import annotations

import copy

from mu_conformance.methods.parts.tuning import tuned_defaults
from mu_conformance.protocol.claims import Claims
from mu_conformance.protocol.request import DeletionRequest
from mu_conformance.training.loop import fit

__all__ = ["FineTune"]


@tuned_defaults
class FineTune:
    """Catastrophic forgetting by further training: a share of the recipe's epochs on the retain set.

    ``epochs_share`` of the recipe's epochs (at least one) at ``learning_rate_share`` of its learning rate.
    Reads the retain set and its labels.
    """

    claims = Claims(max_ratio=1.0)
    search = {"epochs_share": (0.1, 0.2), "learning_rate_share": (0.2, 0.5, 1.0)}

    def __init__(self, epochs_share: float = 0.2, learning_rate_share: float = 0.5) -> None:
        self.epochs_share, self.learning_rate_share = epochs_share, learning_rate_share

    def unlearn(self, model, request: DeletionRequest):
        recipe = request.recipe.fine_tuning(self.epochs_share, self.learning_rate_share)
        with request.seeded():
            return fit(copy.deepcopy(model), request.retain, request.task, recipe, request.seed)
