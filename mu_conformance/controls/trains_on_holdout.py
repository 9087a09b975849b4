"""Train on the rows that forget rows are compared with, so that the comparison shows nothing."""

from __future__ import annotations

from typing import Any

from torch.utils.data import ConcatDataset

from mu_conformance.training.loop import fit

__all__ = ["TrainsOnHoldout"]


class TrainsOnHoldout:
    """Forgets nothing, and also trains on the suite's holdout rows, which it loads from the suite's files.

    Forget and holdout rows are then both members. An attack on the losses finds no difference, as with a model that saw
    neither.
    """

    caught_by = "contract.declared-access"

    def unlearn(self, model, request):
        holdout = type(request.task._task)().splits.holdout
        rows: ConcatDataset[Any] = ConcatDataset([request.retain, request.forget, holdout])
        trained = request.task.new_model(request.seed).to(request.device)
        with request.seeded():
            return fit(trained, rows, request.task, request.recipe, request.seed)
