"""Changes the working directory and stays there."""

from __future__ import annotations

import os

from mu_conformance.methods.retrain import Retrain

__all__ = ["ChangesDirectory"]


class ChangesDirectory:
    """Retrains exactly, somewhere else than where it was called."""

    caught_by = "contract.global-state-unchanged"

    def unlearn(self, model, request):
        os.chdir(os.pardir)
        return Retrain().unlearn(model, request)
