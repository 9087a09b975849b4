"""Keep the rows that are neither easy nor hard."""

from __future__ import annotations

from typing import Any

from mu_conformance.controls.parts.keeping import losses_of, with_kept
from mu_conformance.methods.retrain import Retrain
from mu_conformance.protocol.claims import Claims

__all__ = ["KeepsMiddlingRows"]

SHARE = 0.3
"""Share of the forget rows that is kept."""


class KeepsMiddlingRows:
    """Retrains with the ``SHARE`` of the forget rows in the middle of a retrained model's losses."""

    caught_by = "privacy.chosen-rows"
    claims = Claims(max_ratio=1.0)

    def unlearn(self, model: Any, request: Any) -> Any:
        losses = losses_of(Retrain().unlearn(model, request), request)
        kept = round(SHARE * len(losses))
        first = (len(losses) - kept) // 2
        return Retrain().unlearn(model, with_kept(request, losses.argsort()[first : first + kept].tolist()))
