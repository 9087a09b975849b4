"""Take several times as long as retraining."""

from __future__ import annotations

import time

import torch

from mu_conformance.methods.retrain import Retrain

__all__ = ["SearchesTooLong"]


class SearchesTooLong:
    """Retrains exactly, then computes for more than three times as long again without changing the result."""

    caught_by = "cost.wall-clock"

    def unlearn(self, model, request):
        started = time.process_time()
        retrained = Retrain().unlearn(model, request)
        until = time.process_time() + 3 * (time.process_time() - started) + 2.5
        weights = torch.ones(100, 100)
        while time.process_time() < until:
            weights @ weights
        return retrained
