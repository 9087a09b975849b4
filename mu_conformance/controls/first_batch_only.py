"""Fine-tunes with ``next(iter(loader))`` at every step, which is the first batch every time."""

from __future__ import annotations

import copy

from mu_conformance.training.loop import descend

__all__ = ["FirstBatchOnly"]


class FirstBatchOnly:
    """Trains on, by the recipe, on what should be the retain set and is the first eight rows of it, unshuffled."""

    caught_by = "contract.order-invariant"

    def unlearn(self, model, request):
        loader = request.task.loader(request.retain, 8, shuffle=False)
        total = max(40, request.recipe.epochs * len(loader))
        steps = ((request.task.loss, next(iter(loader))) for _ in range(total))
        with request.seeded():
            return descend(copy.deepcopy(model), steps, request.recipe, total)
