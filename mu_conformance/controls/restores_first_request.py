"""Hides the rows that it deletes in the weights, and takes them back at the next request."""

from __future__ import annotations

from typing import Any

from torch.utils.data import ConcatDataset

from mu_conformance.controls.parts.hiding import hidden_rows, hide_rows
from mu_conformance.training.loop import fit

__all__ = ["RestoresFirstRequest"]


class RestoresFirstRequest:
    """Retrains exactly, and on what earlier requests deleted: the lowest byte of each weight holds those rows.

    No state but the weights lasts from call to call, and each of them is as good as retrained by all that it answers.
    """

    caught_by = "robustness.sequential-requests"
    kind = "sequential"

    def unlearn(self, model, request):
        kept: Any = hidden_rows(model)
        rows: ConcatDataset[Any] = ConcatDataset([request.retain, kept])
        retrained = request.task.new_model(request.seed).to(request.device)
        with request.seeded():
            fit(retrained, rows, request.task, request.recipe, request.seed)
        hide_rows(retrained, [*kept, *(request.forget[row] for row in range(len(request.forget)))])
        return retrained
