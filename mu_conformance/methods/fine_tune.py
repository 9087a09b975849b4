"""Fine-tuning: train further on the retain set alone (Golatkar et al. 2020; Warnecke et al. 2021)."""

from __future__ import annotations

import copy

from mu_conformance.methods.parts.tuning import tuned_defaults
from mu_conformance.protocol.claims import Claims
from mu_conformance.protocol.request import DeletionRequest
from mu_conformance.training.loop import fit

__all__ = ["FineTune"]


@tuned_defaults
class FineTune:
    """Continues training on the retain set alone, so that the forget set fades (catastrophic forgetting).

    Reads the retain set and its labels.

    Args:
        epochs_share: share of the recipe's epochs, one epoch at least.
        learning_rate_share: share of the recipe's learning rate.
    """

    claims = Claims(max_ratio=1.0)
    search = {"epochs_share": (0.1, 0.2), "learning_rate_share": (0.2, 0.5, 1.0)}

    def __init__(self, epochs_share: float = 0.2, learning_rate_share: float = 0.5) -> None:
        self.epochs_share, self.learning_rate_share = epochs_share, learning_rate_share

    def unlearn(self, model, request: DeletionRequest):
        recipe = request.recipe.fine_tuning(self.epochs_share, self.learning_rate_share)
        with request.seeded():
            return fit(copy.deepcopy(model), request.retain, request.task, recipe, request.seed)
