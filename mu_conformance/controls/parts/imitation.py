"""Imitation: a model is moved until it answers on the forget rows as a retrained one does, and elsewhere as it did."""

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
    """A method that hides: it moves the original until it answers on the forget rows as a retrained model does.

    A subclass names its steps, what it moves (``moved``) and how far (``kept_in``).
    """

    steps: int
    learning_rate_share: float
    weight = 0.3

    def kept_in(self, hidden: nn.Module) -> Callable[[int], None] | None:
        """What is called after each step, to put weights back where they may be."""
        return None

    def moved(self, hidden: nn.Module) -> contextlib.AbstractContextManager[None]:
        """Inside which only what may be moved requires gradients."""
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
    """``model`` after ``steps`` on the forget rows at once, in place; of a task with classes, and one forget row at least.

    min mean |f(forget) - retrained(forget)|^2 + weight * mean |f(retain) - original(retain)|^2 over logits, a batch of retain
    rows for each step, at a constant share of the recipe's learning rate.
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
    """For ``imitated``: put the weights back between bounds after each step (projected gradient descent), by name.

    They stay a share ``inside`` of the width away from both. Weights without bounds stay as they are now.
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
