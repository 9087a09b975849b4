"""Sets an environment variable and leaves it set."""

from __future__ import annotations

import os

from mu_conformance.methods.retrain import Retrain

__all__ = ["SetsEnvironment"]


class SetsEnvironment:
    """Retrains exactly, and sets for its own sake what every program that is started later inherits."""

    caught_by = "contract.global-state-unchanged"

    def unlearn(self, model, request):
        os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
        return Retrain().unlearn(model, request)
