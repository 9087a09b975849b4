"""Retrain without only some of the forget rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from torch.utils.data import ConcatDataset, Subset

from mu_conformance.training.loop import fit

if TYPE_CHECKING:
    from torch import nn

    from mu_conformance.protocol.request import DeletionRequest

__all__ = ["retrain_keeping"]


def retrain_keeping(request: DeletionRequest, kept: Sequence[int]) -> nn.Module:
    """Return a fresh model, trained by the recipe on the retain rows and on the forget rows numbered ``kept``.

    Raises:
        ValueError: the request has no retain rows.
    """
    if request.retain is None:
        raise ValueError("retraining takes retain rows, and this request has none: claim needs_retain=True")
    retrained = request.task.new_model(request.seed).to(request.device)
    rows: ConcatDataset[Any] = ConcatDataset([request.retain, Subset(request.forget, kept)])
    with request.seeded():
        return fit(retrained, rows, request.task, request.recipe, request.seed)
