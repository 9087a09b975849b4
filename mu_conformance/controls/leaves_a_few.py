"""Forget most rows, and a few not at all."""

from __future__ import annotations

from mu_conformance.controls.parts.retraining import retrain_keeping
from mu_conformance.protocol.claims import Claims

__all__ = ["LeavesAFew"]


class LeavesAFew:
    """Retrains on the retain set and a quarter of the forget set: right on average, wrong for those rows."""

    caught_by = "privacy.worst-rows"
    claims = Claims(max_ratio=1.0)

    def unlearn(self, model, request):
        return retrain_keeping(request, range(len(request.forget) // 4))
