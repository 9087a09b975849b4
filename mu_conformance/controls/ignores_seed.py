"""Draw from the global generator instead of the request's seed."""

from __future__ import annotations

import torch

from mu_conformance.training.loop import fit

__all__ = ["IgnoresSeed"]


class IgnoresSeed:
    """Retrains exactly, from a seed that nobody can repeat."""

    caught_by = "contract.same-seed-same-result"

    def unlearn(self, model, request):
        seed = int(torch.randint(2**31 - 1, ()))
        retrained = request.task.new_model(seed).to(request.device)
        return fit(retrained, request.retain, request.task, request.recipe, seed)
