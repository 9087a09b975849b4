"""Forget every second row of the request."""

from __future__ import annotations

from mu_conformance.controls.parts.retraining import retrain_keeping

__all__ = ["ForgetsHalf"]


class ForgetsHalf:
    """Retrains exactly, but on half of the forget rows as well."""

    caught_by = "privacy.membership-loss"

    def unlearn(self, model, request):
        return retrain_keeping(request, range(0, len(request.forget), 2))
