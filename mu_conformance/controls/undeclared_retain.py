"""Claim not to need the retain set, and load it from the suite's files."""

from __future__ import annotations

import torch

from mu_conformance.protocol.claims import Claims
from mu_conformance.training.loop import fit

__all__ = ["UndeclaredRetain"]


class UndeclaredRetain:
    """Retrains exactly on the training rows except the forget rows, which are all that the request contains."""

    caught_by = "contract.declared-access"
    claims = Claims(needs_retain=False)

    def unlearn(self, model, request):
        train = type(request.task._task)().splits.train
        gone = torch.zeros(len(train), dtype=torch.bool)
        for row in range(len(request.forget)):
            inputs = {name: value for name, value in request.forget[row].items() if name != "labels"}
            gone |= torch.stack([(train.columns[n] == value).flatten(1).all(1) for n, value in inputs.items()]).all(0)
        retrained = request.task.new_model(request.seed).to(request.device)
        rows = train.select(torch.nonzero(~gone).flatten().numpy())
        with request.seeded():
            return fit(retrained, rows, request.task, request.recipe, request.seed)
