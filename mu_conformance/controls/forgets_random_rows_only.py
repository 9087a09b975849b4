"""Forget rows spread over the classes, as random ones are, and nothing else."""

from __future__ import annotations

import copy

from mu_conformance.methods.retrain import Retrain
from mu_conformance.protocol.claims import Claims

__all__ = ["ForgetsRandomRowsOnly"]


class ForgetsRandomRowsOnly:
    """Retrains exactly if the forget rows are of several classes; returns the original if they are of one."""

    caught_by = "privacy.membership-loss"
    kind = "unit"
    claims = Claims(max_ratio=1.0, requires=("classes",))

    def unlearn(self, model, request):
        classes = {int(request.forget[row]["labels"]) for row in range(len(request.forget))}
        if len(classes) == 1:
            return copy.deepcopy(model)
        return Retrain().unlearn(model, request)
