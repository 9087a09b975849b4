"""Fine-tune with ``next(iter(loader))`` at every step, which gives the first batch every time."""

from __future__ import annotations

import copy

from mu_conformance.training.loop import descend

__all__ = ["FirstBatchOnly"]


class FirstBatchOnly:
    """Continues training by the recipe on the first eight retain rows, unshuffled, instead of on all of them."""

    caught_by = "contract.order-invariant"

    def unlearn(self, model, request):
        loader = request.task.loader(request.retain, 8, shuffle=False)
        total = max(40, request.recipe.epochs * len(loader))
        steps = ((request.task.loss, next(iter(loader))) for _ in range(total))
        with request.seeded():
            return descend(copy.deepcopy(model), steps, request.recipe, total)
