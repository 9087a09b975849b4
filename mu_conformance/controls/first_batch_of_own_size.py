"""Fine-tune with ``next(iter(loader))`` at every step, of a loader with the recipe's own batch size."""

from __future__ import annotations

import copy

from mu_conformance.training.loop import descend

__all__ = ["FirstBatchOfOwnSize"]

STEPS = 20
"""Optimiser steps."""


class FirstBatchOfOwnSize:
    """Continues training on the first batch of retain rows, unshuffled, for 20 steps.

    A batch has as many rows as the recipe says, which is more than there are in most small requests.
    """

    caught_by = "contract.order-invariant"

    def unlearn(self, model, request):
        loader = request.task.loader(request.retain, request.recipe.batch_size, shuffle=False)
        steps = ((request.task.loss, next(iter(loader))) for _ in range(STEPS))
        with request.seeded():
            return descend(copy.deepcopy(model), steps, request.recipe, STEPS)
