"""CF-k: fine-tune the last k layers on the retain set, and let the forget set fade from them (Goel et al. 2022)."""

from __future__ import annotations

import copy

from mu_conformance.methods.parts.layers import last_layers, only, settled
from mu_conformance.methods.parts.tuning import tuned_defaults
from mu_conformance.protocol.claims import Claims
from mu_conformance.protocol.request import DeletionRequest
from mu_conformance.training.loop import fit

__all__ = ["CFk"]


@tuned_defaults
class CFk:
    """Fine-tunes the last k layers on the retain set, so that the forget set fades from them.

    Minimises L(theta_last; retain) and leaves all other weights unchanged (Goel et al. 2022, arXiv 2201.06640). Batch
    normalisation in the earlier layers keeps its statistics. Reads the retain set and its labels.

    Args:
        layers: k, at least 1. None stands for a third of the layers, because the paper varies k with the architecture.
        epochs_share: share of the recipe's epochs, one epoch at least.
        learning_rate_share: share of the recipe's learning rate.
    """

    claims = Claims(max_ratio=1.0)
    search = {"layers": (1, None), "epochs_share": (0.2, 0.5), "learning_rate_share": (0.5, 1.0)}

    def __init__(self, layers: int | None = None, epochs_share: float = 0.2, learning_rate_share: float = 0.5) -> None:
        if layers is not None and layers < 1:
            raise ValueError(f"layers must be at least 1, or None for a third of them, got {layers}")
        self.layers, self.epochs_share, self.learning_rate_share = layers, epochs_share, learning_rate_share

    def unlearn(self, model, request: DeletionRequest):
        recipe = request.recipe.fine_tuning(self.epochs_share, self.learning_rate_share)
        found = copy.deepcopy(model)
        names = last_layers(found, self.layers)
        with request.seeded(), only(found, names):
            return fit(found, request.retain, request.task, recipe, request.seed, evaluated=settled(found, names))
