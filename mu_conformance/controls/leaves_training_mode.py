"""Return the model in training mode."""

from __future__ import annotations

from mu_conformance.methods.retrain import Retrain

__all__ = ["LeavesTrainingMode"]


class LeavesTrainingMode:
    """Retrains exactly, and forgets to call ``eval()``: dropout stays on, and batch statistics keep moving."""

    caught_by = "contract.mode-and-device-preserved"

    def unlearn(self, model, request):
        return Retrain().unlearn(model, request).train()
