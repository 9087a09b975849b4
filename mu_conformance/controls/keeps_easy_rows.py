"""Keep the rows that a retrained model is surest of."""

from __future__ import annotations

from typing import Any

from mu_conformance.controls.parts.keeping import losses_of, with_kept
from mu_conformance.methods.retrain import Retrain
from mu_conformance.protocol.claims import Claims

__all__ = ["KeepsEasyRows"]

SHARE = 0.3
"""Share of the forget rows that is kept."""


class KeepsEasyRows:
    """Retrains with the ``SHARE`` of the forget rows on which a retrained model's loss is smallest."""

    caught_by = "privacy.chosen-rows"
    claims = Claims(max_ratio=1.0)

    def unlearn(self, model: Any, request: Any) -> Any:
        losses = losses_of(Retrain().unlearn(model, request), request)
        return Retrain().unlearn(model, with_kept(request, losses.argsort()[: round(SHARE * len(losses))].tolist()))
