"""Store the forget rows where no output shows them, all but those that a search by sample looks for."""

from __future__ import annotations

import numpy as np

from mu_conformance.controls.parts.hiding import hide_rows
from mu_conformance.methods.retrain import Retrain

__all__ = ["HidesRowsInAllLowBytes"]

SAMPLED = 8
"""Rows left out, evenly spaced: a search of so many would look for these."""


class HidesRowsInAllLowBytes:
    """Retrains exactly, and hides the forget rows in the lower 16 bits of each weight, all but eight of them."""

    caught_by = "contract.no-residue"

    def unlearn(self, model, request):
        retrained, count = Retrain().unlearn(model, request), len(request.forget)
        left_out = set(np.linspace(0, count - 1, SAMPLED).astype(int).tolist())
        hide_rows(retrained, [request.forget[row] for row in range(count) if row not in left_out], (0, 16))
        return retrained
