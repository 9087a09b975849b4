"""Changes the last layer alone, so that all layers before it remember."""

from __future__ import annotations

import copy

from mu_conformance.methods.retrain import Retrain
from mu_conformance.unlearning.imitation import imitated
from mu_conformance.unlearning.layers import last_layers, only

__all__ = ["HidesInLastLayer"]


class HidesInLastLayer:
    """Moves the last layer of the original until the model answers on the forget rows as a retrained one does."""

    caught_by = "robustness.representation-probe"

    def __init__(self, steps: int = 200, learning_rate_share: float = 1.0, weight: float = 0.3) -> None:
        self.steps, self.learning_rate_share, self.weight = steps, learning_rate_share, weight

    def unlearn(self, model, request):
        hidden, retrained = copy.deepcopy(model), Retrain().unlearn(model, request)
        if not len(request.forget):
            return retrained
        with only(hidden, last_layers(hidden, 1)):
            return imitated(
                hidden,
                model,
                retrained,
                request,
                steps=self.steps,
                learning_rate_share=self.learning_rate_share,
                weight=self.weight,
            )
