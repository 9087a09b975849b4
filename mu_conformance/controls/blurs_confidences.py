"""Make the model less sure of everything, and forget nothing."""

from __future__ import annotations

import copy

import torch

from mu_conformance.methods.parts.layers import last_layers

__all__ = ["BlursConfidences"]


class BlursConfidences:
    """Returns the original with its last layer divided by a temperature.

    Losses on forget rows rise and predictions stay. Members are as easy to tell from other rows as before.

    Args:
        temperature: divisor of the last layer's parameters.
    """

    caught_by = "privacy.membership-loss"

    def __init__(self, temperature: float = 4.0) -> None:
        self.temperature = temperature

    def unlearn(self, model, request):
        blurred = copy.deepcopy(model)
        with torch.no_grad():
            for name in last_layers(blurred, 1):
                blurred.get_parameter(name).div_(self.temperature)
        return blurred
