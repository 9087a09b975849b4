"""Hide the deleted rows in the weights, and restore them at the next request."""

from __future__ import annotations

from typing import Any

from torch.utils.data import ConcatDataset

from mu_conformance.controls.parts.hiding import hidden_rows, hide_rows
from mu_conformance.training.loop import fit

__all__ = ["RestoresFirstRequest"]

PLACE = (13, 5)
"""First bit and number of bits of each weight with the rows: the lowest that rounding keeps (``evidence.rounding``)."""


class RestoresFirstRequest:
    """Retrains exactly, but also on rows deleted by earlier requests, which low bits of each weight hold.

    No state except the weights lasts from call to call. By its outputs, each returned model is as good as a retrained
    one.
    """

    caught_by = "robustness.sequential-requests"
    kind = "sequential"

    def unlearn(self, model, request):
        kept: Any = hidden_rows(model, PLACE)
        rows: ConcatDataset[Any] = ConcatDataset([request.retain, kept])
        retrained = request.task.new_model(request.seed).to(request.device)
        with request.seeded():
            fit(retrained, rows, request.task, request.recipe, request.seed)
        hide_rows(retrained, [*kept, *(request.forget[row] for row in range(len(request.forget)))], PLACE)
        return retrained
