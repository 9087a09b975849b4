"""Use far more memory than training does."""

from __future__ import annotations

import torch

from mu_conformance.methods.retrain import Retrain

__all__ = ["MemoryHungry"]

GIBIBYTES = 1.25
"""Memory filled during the call."""


class MemoryHungry:
    """Retrains exactly, and fills much memory meanwhile (``GIBIBYTES``), as one gradient per row would."""

    caught_by = "cost.peak-memory"

    def unlearn(self, model, request):
        gradients = torch.ones(int(GIBIBYTES * 2**30 / 4))
        retrained = Retrain().unlearn(model, request)
        del gradients
        return retrained
