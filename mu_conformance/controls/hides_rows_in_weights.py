"""Store the forget rows where no output shows them."""

from __future__ import annotations

from mu_conformance.controls.parts.hiding import hide_rows
from mu_conformance.methods.retrain import Retrain

__all__ = ["HidesRowsInWeights"]


class HidesRowsInWeights:
    """Retrains exactly, and hides the forget rows in the lowest byte of each weight."""

    caught_by = "contract.no-residue"

    def unlearn(self, model, request):
        retrained = Retrain().unlearn(model, request)
        hide_rows(retrained, [request.forget[row] for row in range(len(request.forget))])
        return retrained
