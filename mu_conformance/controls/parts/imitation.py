"""Imitation: move a model to a retrained one's outputs on the forget rows, and keep its outputs elsewhere."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Mapping

import torch
from torch import nn
from torch.nn import functional

from mu_conformance.methods.retrain import Retrain
from mu_conformance.training.loop import descend

__all__ = ["Imitator", "imitated", "within"]


class Imitator:
    """Moves the original until its outputs on the forget rows match a retrained model's, to hide what it knows.

    A subclass sets the steps, what is moved (``moved``) and how far (``kept_in``).
    """

    steps: int
    """Steps on the forget rows."""
    learning_rate_share: float
    """Share of the recipe's learning rate."""
    weight = 0.3
    """Weight of the retain term."""

    def kept_in(self, hidden: nn.Module) -> Callable[[int], None] | None:
        """Return a function that is called after each step to project the weights, or None."""
        return None

    def moved(self, hidden: nn.Module) -> contextlib.AbstractContextManager[None]:
        """Return a context inside which only the parameters to be moved require gradients."""
        return contextlib.nullcontext()

    def unlearn(self, model, request):
        hidden, retrained = copy.deepcopy(model), Retrain().unlearn(model, request)
        if not len(request.forget):
            return retrained
        with self.moved(hidden):
            return imitated(
                hidden,
                model,
                retrained,
                request,
                steps=self.steps,
                learning_rate_share=self.learning_rate_share,
                weight=self.weight,
                after_step=self.kept_in(hidden),
            )


def imitated(
    model: nn.Module,
    original: nn.Module,
    retrained: nn.Module,
    request,
    *,
    steps: int,
    learning_rate_share: float,
    weight: float,
    after_step: Callable[[int], None] | None = None,
) -> nn.Module:
    """Return ``model`` after ``steps`` on all forget rows at once, changed in place.

    min mean |f(forget) - retrained(forget)|^2 + weight * mean |f(retain) - original(retain)|^2, over logits. Each step
    takes one batch of retain rows. The task must have classes, and the request at least one forget row.

    Args:
        model: the model to move.
        original: the model whose outputs on retain rows are kept.
        retrained: the model whose outputs on forget rows are imitated.
        request: the deletion request.
        steps: number of steps.
        learning_rate_share: share of the recipe's learning rate, held constant.
        weight: weight of the retain term.
        after_step: called with the step's number after each step.
    """
    task = request.task

    def kept(moved: nn.Module, batch, wanted: nn.Module) -> torch.Tensor:
        with torch.no_grad():
            target = task.logits(wanted, batch)
        return functional.mse_loss(task.logits(moved, batch), target)

    def loss(moved: nn.Module, batch) -> torch.Tensor:
        retain = {name: column.to(request.device) for name, column in next(others).items()}
        return kept(moved, batch, retrained) + weight * kept(moved, retain, original)

    with request.seeded() as generator:
        loader = task.loader(request.retain, request.recipe.batch_size, generator=generator)
        others = (next(iter(loader)) for _ in range(steps))
        forget = next(iter(task.loader(request.forget, len(request.forget), shuffle=False)))
        recipe = request.recipe.for_forget_set(steps, learning_rate_share, "constant", None)
        return descend(model, [(loss, forget)] * steps, recipe, steps, after_step=after_step)


def within(
    model: nn.Module, bounds: Mapping[str, tuple[torch.Tensor, torch.Tensor]], inside: float = 0.02
) -> Callable[[int], None]:
    """Return a function for ``imitated`` that moves weights back between bounds after each step.

    This makes the training projected gradient descent. Weights without bounds stay at their values at this call.

    Args:
        model: the model whose weights are bounded.
        bounds: lower and upper bounds of each weight, by the parameter's name.
        inside: distance kept from both bounds, as a share of the width between them.
    """
    start = {name: p.detach().clone() for name, p in model.named_parameters() if name not in bounds}

    @torch.no_grad()
    def project(step: int) -> None:
        for name, parameter in model.named_parameters():
            if name in bounds:
                low, high = bounds[name]
                room = inside * (high - low)
                parameter.copy_(parameter.clamp(low + room, high - room))
            else:
                parameter.copy_(start[name])

    return project
