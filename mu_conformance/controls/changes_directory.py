"""Change the working directory, and leave it changed."""

from __future__ import annotations

import os

from mu_conformance.methods.retrain import Retrain

__all__ = ["ChangesDirectory"]


class ChangesDirectory:
    """Retrains exactly, after moving the process to the parent of its working directory."""

    caught_by = "contract.global-state-unchanged"

    def unlearn(self, model, request):
        os.chdir(os.pardir)
        return Retrain().unlearn(model, request)
