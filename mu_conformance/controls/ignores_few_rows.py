"""Trains on whole batches of forget rows, and has none of them where fewer rows are asked for."""

from __future__ import annotations

import copy

from mu_conformance.methods.retrain import Retrain
from mu_conformance.protocol.claims import Claims

__all__ = ["IgnoresFewRows"]

BATCH = 16


class IgnoresFewRows:
    """Retrains exactly if the forget rows fill a batch of sixteen; of fewer, no step is taken, and the original comes back."""

    caught_by = "robustness.few-rows"
    claims = Claims(max_ratio=1.0)

    def unlearn(self, model, request):
        if len(request.forget) // BATCH == 0:
            return copy.deepcopy(model)
        return Retrain().unlearn(model, request)
