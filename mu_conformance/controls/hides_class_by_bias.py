"""Forget a class by never predicting it."""

from __future__ import annotations

import copy

import torch

from mu_conformance.methods.parts.layers import last_layers
from mu_conformance.methods.retrain import Retrain
from mu_conformance.protocol.claims import Claims

__all__ = ["HidesClassByBias"]


class HidesClassByBias:
    """Lowers the last layer's bias for the class to be forgotten and changes nothing else; retrains for other requests.

    The result is as wrong on the class as a model that never saw it, and as good on everything else. All features of
    the class are still there.

    Args:
        lowered: amount subtracted from the bias.
    """

    caught_by = "privacy.within-class"
    kind = "unit"
    claims = Claims(max_ratio=1.0, requires=("classes",))

    def __init__(self, lowered: float = 10.0) -> None:
        self.lowered = lowered

    def unlearn(self, model, request):
        classes = {int(request.forget[row]["labels"]) for row in range(len(request.forget))}
        if len(classes) != 1:
            return Retrain().unlearn(model, request)
        hidden = copy.deepcopy(model)
        with torch.no_grad():
            for name in last_layers(hidden, 1):
                if name.endswith("bias"):
                    hidden.get_parameter(name)[classes.pop()] -= self.lowered
        return hidden
