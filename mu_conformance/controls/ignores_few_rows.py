"""Train on whole batches of forget rows, and on none if the request has fewer rows than a batch."""

from __future__ import annotations

import copy

from mu_conformance.methods.retrain import Retrain
from mu_conformance.protocol.claims import Claims

__all__ = ["IgnoresFewRows"]

BATCH = 16
"""Forget rows below which no step is taken."""


class IgnoresFewRows:
    """Retrains exactly if the forget rows fill a batch (``BATCH``); returns the original for fewer rows."""

    caught_by = "robustness.few-rows"
    claims = Claims(max_ratio=1.0)

    def unlearn(self, model, request):
        if len(request.forget) // BATCH == 0:
            return copy.deepcopy(model)
        return Retrain().unlearn(model, request)
