"""EU-k: reinitialise the last k layers and retrain them on the retain set (Goel et al. 2022)."""

from __future__ import annotations

import copy

from mu_conformance.methods.parts.layers import last_layers, only, renew, settled
from mu_conformance.methods.parts.tuning import tuned_defaults
from mu_conformance.protocol.claims import Claims
from mu_conformance.protocol.request import DeletionRequest
from mu_conformance.training.loop import fit

__all__ = ["EUk"]


@tuned_defaults
class EUk:
    """Retrains the last k layers from scratch on the retain set, and leaves all other weights unchanged.

    theta_last = argmin L(theta_last; retain) (Goel et al. 2022, arXiv 2201.06640). The last layers start from those of
    ``new_model(seed)`` and are trained by the original's recipe. The earlier layers keep what they know of the forget
    set. Reads the retain set and its labels.

    Args:
        layers: k, at least 1. None stands for a third of the layers, because the paper varies k with the architecture.
    """

    claims = Claims(max_ratio=1.0)
    search = {"layers": (1, 3, None)}

    def __init__(self, layers: int | None = None) -> None:
        if layers is not None and layers < 1:
            raise ValueError(f"layers must be at least 1, or None for a third of them, got {layers}")
        self.layers = layers

    def unlearn(self, model, request: DeletionRequest):
        found, recipe = copy.deepcopy(model), request.recipe.within_budget()
        names = last_layers(found, self.layers)
        renew(found, request.task.new_model(request.seed), names)
        with request.seeded(), only(found, names):
            return fit(found, request.retain, request.task, recipe, request.seed, evaluated=settled(found, names))
