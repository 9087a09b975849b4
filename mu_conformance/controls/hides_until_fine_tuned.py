"""Answers as if it had forgotten, and remembers after a little training on other rows."""

from __future__ import annotations

import copy

import torch
from torch.nn import functional

from mu_conformance.methods.retrain import Retrain
from mu_conformance.training import descend

__all__ = ["HidesUntilFineTuned"]


class HidesUntilFineTuned:
    """Moves the original as little as it takes to answer on the forget rows as a retrained model does.

    min mean |f(forget) - retrained(forget)|^2 + weight * mean |f(retain) - original(retain)|^2 over logits, a few small
    steps: what the original knows lies next to where they end.
    """

    caught_by = "robustness.relearning"

    def __init__(self, steps: int = 60, learning_rate_share: float = 0.1, weight: float = 0.3) -> None:
        self.steps, self.learning_rate_share, self.weight = steps, learning_rate_share, weight

    def unlearn(self, model, request):
        task, hidden, retrained = request.task, copy.deepcopy(model), Retrain().unlearn(model, request)
        if not len(request.forget):
            return retrained

        def kept(model, batch, wanted):
            with torch.no_grad():
                target = task.logits(wanted, batch)
            return functional.mse_loss(task.logits(model, batch), target)

        def loss(model_, batch):
            retain = {name: column.to(request.device) for name, column in next(others).items()}
            return kept(model_, batch, retrained) + self.weight * kept(model_, retain, model)

        with request.seeded() as generator:
            loader = task.loader(request.retain, request.recipe.batch_size, generator=generator)
            others = (next(iter(loader)) for _ in range(self.steps))
            forget = next(iter(task.loader(request.forget, max(1, len(request.forget)), shuffle=False)))
            recipe = request.recipe.over_forget_set(self.steps, self.learning_rate_share, "constant", None)
            return descend(hidden, [(loss, forget)] * self.steps, recipe, self.steps)
