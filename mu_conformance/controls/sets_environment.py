"""Set an environment variable, and leave it set."""

from __future__ import annotations

import os

from mu_conformance.methods.retrain import Retrain

__all__ = ["SetsEnvironment"]


class SetsEnvironment:
    """Retrains exactly, and sets a variable for itself that every program started later inherits."""

    caught_by = "contract.global-state-unchanged"

    def unlearn(self, model, request):
        os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
        return Retrain().unlearn(model, request)
