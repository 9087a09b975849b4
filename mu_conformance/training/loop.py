"""Run the training loop, the same for originals, references, retraining and relearning."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from mu_conformance.conditions.flops import StepsLeft, flops_left
from mu_conformance.conditions.shards import Part, ShardedEnsemble, shard_numbers
from mu_conformance.protocol.recipe import BudgetedRecipe
from mu_conformance.protocol.seeding import derive_seed, seeded
from mu_conformance.tasks.base import Task
from mu_conformance.tasks.loader import BatchLoader, collate

if TYPE_CHECKING:
    from mu_conformance.protocol.recipe import TrainingRecipe
    from mu_conformance.protocol.request import RequestTask
    from mu_conformance.tasks.rows import Rows

__all__ = ["VERSION", "Loss", "descend", "fit", "train"]

VERSION = 2
"""Part of the address of every stored model; raise it when the loop computes something else."""

Loss = Callable[[nn.Module, Mapping[str, torch.Tensor]], torch.Tensor]
"""Function of a model and a batch to a scalar that is minimised."""


def descend(
    model: nn.Module,
    steps: Iterable[tuple[Loss, Mapping[str, torch.Tensor]]],
    recipe: TrainingRecipe,
    total: int,
    *,
    after_step: Callable[[int], None] | None = None,
    evaluated: Iterable[nn.Module] = (),
    spared: float = 0.0,
) -> nn.Module:
    """Make one AdamW step in place for each of ``steps``; return the model in evaluation mode.

    Only parameters that require gradients are given to the optimiser, so weight decay never moves a frozen one. A
    ``BudgetedRecipe`` stops at the last step that fits into a budget of FLOPs.

    Args:
        model: model to train.
        steps: a loss and a batch for each step.
        recipe: learning rate, its schedule, weight decay and clipping.
        total: number of steps, which the schedule needs.
        after_step: function called with the number of steps done.
        evaluated: modules that stay in evaluation mode (no dropout, fixed statistics); the modules below them do not.
        spared: FLOPs of the budget to leave unused.
    """
    parameters = [p for p in model.parameters() if p.requires_grad]
    if not parameters or total == 0:
        return model.eval()
    device = next(model.parameters()).device
    optimiser = torch.optim.AdamW(parameters, lr=recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True)
    model.train()
    for module in evaluated:
        module.training = False
    room = StepsLeft(spared)
    for step, (loss, batch) in enumerate(steps):
        # The schedule is shortened to the steps that are left, so the learning rate still ends where it should.
        if isinstance(recipe, BudgetedRecipe):
            total = min(total, step + room())
        # The first step is always made: its cost is not known before.
        if step and step >= total:
            break
        for group in optimiser.param_groups:
            group["lr"] = recipe.rate(step, total)
        value = loss(model, {name: column.to(device) for name, column in batch.items()})
        optimiser.zero_grad(set_to_none=True)
        value.backward()
        if recipe.gradient_clip is not None:
            torch.nn.utils.clip_grad_norm_(parameters, recipe.gradient_clip)
        optimiser.step()
        if after_step is not None:
            after_step(step + 1)
    return model.eval()


def fit(
    model: nn.Module,
    rows: Rows | Any,
    task: Task | RequestTask,
    recipe: TrainingRecipe,
    seed: int,
    *,
    loss: Loss | None = None,
    after_step: Callable[[int], None] | None = None,
    evaluated: Iterable[nn.Module] = (),
    spared: float = 0.0,
) -> nn.Module:
    """Train ``model`` in place with AdamW by ``recipe``; return it in evaluation mode.

    The row order is a function of ``seed``. Each member of a sharded ensemble is trained on the rows of its shard,
    within an equal part of a budget.

    Args:
        model: model to train.
        rows: ``Rows``, a request's dataset, or any map-style dataset of dicts.
        task: the task, for its training loss.
        recipe: recipe to train by.
        seed: seed of the row order.
        loss: loss to minimise; None: the task's.
        after_step: as in ``descend``.
        evaluated: as in ``descend``.
        spared: as in ``descend``.
    """
    if isinstance(model, ShardedEnsemble):
        numbers = shard_numbers(rows, len(model.members))
        for shard, member in enumerate(model.members):
            part, own = Part(rows, torch.nonzero(numbers == shard).flatten()), derive_seed(seed, "shard", shard)
            to_come = len(model.members) - shard
            # The members to come keep their equal parts of what is left now.
            left = spared + ((flops_left() or 0.0) - spared) * (to_come - 1) / to_come
            fit(member, part, task, recipe, own, loss=loss, after_step=after_step, evaluated=evaluated, spared=left)
        return model.eval()
    found = loss or (task.training_loss if isinstance(task, Task) else task.loss)
    generator = torch.Generator().manual_seed(seed)
    loader = BatchLoader(rows, recipe.batch_size, shuffle=True, generator=generator, collate=collate)
    steps = ((found, batch) for _ in range(recipe.epochs) for batch in loader)
    total = recipe.epochs * len(loader)
    return descend(model, steps, recipe, total, after_step=after_step, evaluated=evaluated, spared=spared)


def train(task: Task, architecture: str, rows: Rows, seed: int, device: str = "cpu") -> nn.Module:
    """Return the recipe's model trained on ``rows``, a function of ``seed``.

    Noise from the loss or from dropout is seeded too.
    """
    model, order = task.new_model(seed, architecture).to(device), derive_seed(seed, "order")
    with seeded(order):
        return fit(model, rows, task, task.recipe_for(architecture), order)
