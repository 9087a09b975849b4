"""Ruin one class for everybody."""

from __future__ import annotations

import torch
from torch import nn

from mu_conformance.methods.retrain import Retrain
from mu_conformance.protocol.claims import Claims

__all__ = ["RuinsAClass"]


class RuinsAClass:
    """Retrains exactly, then lowers the last layer's bias for the last class, so that it is never predicted."""

    caught_by = "utility.worst-group"
    claims = Claims(max_ratio=1.0, requires=("classes",))

    def unlearn(self, model, request):
        found = Retrain().unlearn(model, request)
        classes = request.task.num_classes
        layers = [m for m in found.modules() if isinstance(m, nn.Linear) and m.out_features == classes]
        with torch.no_grad():
            layers[-1].bias[-1] -= 20.0
        return found
