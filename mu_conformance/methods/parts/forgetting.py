"""Train on the forget set, with retain rows beside it."""

from __future__ import annotations

import copy

from torch import nn

from mu_conformance.methods.parts.batches import endless
from mu_conformance.protocol.request import DeletionRequest
from mu_conformance.training.loop import Loss, fit

__all__ = ["forget_beside_retain"]


def forget_beside_retain(
    model: nn.Module,
    request: DeletionRequest,
    forget_loss: Loss,
    *,
    retain_weight: float,
    epochs: int,
    learning_rate_share: float,
) -> nn.Module:
    """Return a copy of ``model`` trained to minimise ``forget_loss`` + ``retain_weight`` * L(retain).

    Each step takes a batch of forget rows and one of retain rows. There is no weight decay, and the gradient's norm is
    clipped at 1. Without forget rows nothing is trained. Without retain rows only the first term is left.

    Args:
        model: the original, left unchanged.
        request: the deletion request.
        forget_loss: loss of a model on a batch of forget rows.
        retain_weight: weight of the task's loss on retain rows.
        epochs: passes over the forget set.
        learning_rate_share: share of the recipe's learning rate.
    """
    recipe = request.recipe.for_forget_set(epochs, learning_rate_share)
    task = request.task
    with request.seeded() as generator:
        beside = endless(task.loader(request.retain, recipe.batch_size, generator=generator))

        def both(current, batch):
            loss = forget_loss(current, batch)
            kept = next(beside, None) if retain_weight else None
            if kept is None:
                return loss
            on_device = {name: column.to(request.device) for name, column in kept.items()}
            return loss + retain_weight * task.loss(current, on_device)

        return fit(copy.deepcopy(model), request.forget, task, recipe, request.seed, loss=both)
