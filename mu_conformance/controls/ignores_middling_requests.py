"""Pass over requests that are neither small nor as large as those that a suite would make."""

from __future__ import annotations

import copy

from mu_conformance.methods.retrain import Retrain
from mu_conformance.protocol.claims import Claims

__all__ = ["IgnoresMiddlingRequests"]

FEW = 8
"""Number of rows up to which a request is served."""
SHARE = 0.04
"""Share of the training rows from which on a request is served."""


class IgnoresMiddlingRequests:
    """Retrains for ``FEW`` rows or fewer, and for a share of ``SHARE`` or more; returns the original between."""

    caught_by = "robustness.unseen-request"
    claims = Claims()

    def unlearn(self, model, request):
        rows = len(request.forget)
        if FEW < rows < SHARE * (rows + len(request.retain)):
            return copy.deepcopy(model)
        return Retrain().unlearn(model, request)
