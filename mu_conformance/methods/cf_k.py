"""CF-k: train on, on the retain set, the last k layers only, and let the forget set fade from them (Goel et al. 2022)."""

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
    """Catastrophic forgetting in the last k layers: minimise L(theta_last; retain), all other weights as they were
    (Goel et al. 2022, arXiv 2201.06640).

    ``layers`` is k, at least 1; None, the default, is a third of the layers, since the paper varies k with the
    architecture. Trains for ``epochs_share`` of the recipe's epochs (at least one) at ``learning_rate_share`` of its
    learning rate. Batch normalisation in the layers before keeps its statistics. Reads the retain set and its labels.
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
