"""Predict the same class for every input."""

from __future__ import annotations

import torch

from mu_conformance.methods.parts.layers import last_layers
from mu_conformance.methods.retrain import Retrain
from mu_conformance.protocol.claims import Claims

__all__ = ["PredictsOneClass"]


class PredictsOneClass:
    """Retrains exactly, then raises the last layer's bias for the first class above all others."""

    caught_by = "utility.no-collapse"
    claims = Claims(requires=("classes",))

    def unlearn(self, model, request):
        retrained = Retrain().unlearn(model, request)
        with torch.no_grad():
            for name in last_layers(retrained, 1):
                if name.endswith("bias"):
                    retrained.get_parameter(name)[0] += 100.0
        return retrained
