"""Seed the global generator, and leave it seeded."""

from __future__ import annotations

import torch

from mu_conformance.methods.retrain import Retrain

__all__ = ["ResetsGlobalSeed"]


class ResetsGlobalSeed:
    """Retrains exactly, then seeds torch for whatever runs next."""

    caught_by = "contract.global-state-unchanged"

    def unlearn(self, model, request):
        retrained = Retrain().unlearn(model, request)
        torch.manual_seed(0)
        return retrained
