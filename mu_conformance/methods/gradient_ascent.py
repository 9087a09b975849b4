"""Gradient ascent: raise the loss on the forget set (Golatkar et al. 2020, "NegGrad"; Jang et al. 2022)."""

from __future__ import annotations

import copy

from mu_conformance.methods.parts.tuning import tuned_defaults
from mu_conformance.protocol.claims import Claims
from mu_conformance.protocol.request import DeletionRequest
from mu_conformance.training.loop import fit

__all__ = ["GradientAscent"]


@tuned_defaults
class GradientAscent:
    """Maximises the loss on the forget set: minimises -L(theta; forget).

    The gradient's norm is clipped, because the loss has no upper bound. Reads the forget set and its labels, not the
    retain set.

    Args:
        epochs: passes over the forget set.
        learning_rate_share: share of the recipe's learning rate, held constant.
    """

    claims = Claims(needs_retain=False, max_ratio=1.0)
    search = {"epochs": (1, 3, 10), "learning_rate_share": (0.03, 0.1, 0.3)}

    def __init__(self, epochs: int = 5, learning_rate_share: float = 0.1) -> None:
        self.epochs, self.learning_rate_share = epochs, learning_rate_share

    def unlearn(self, model, request: DeletionRequest):
        recipe = request.recipe.for_forget_set(self.epochs, self.learning_rate_share, "constant")

        def ascend(current, batch):
            return -request.task.loss(current, batch)

        with request.seeded():
            return fit(copy.deepcopy(model), request.forget, request.task, recipe, request.seed, loss=ascend)
