"""Return weights of another dtype."""

from __future__ import annotations

from mu_conformance.methods.retrain import Retrain

__all__ = ["HalvesPrecision"]


class HalvesPrecision:
    """Retrains exactly, and returns the weights in half precision."""

    caught_by = "contract.returns-model"

    def unlearn(self, model, request):
        return Retrain().unlearn(model, request).half()
