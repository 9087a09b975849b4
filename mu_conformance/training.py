"""The training loop, one for originals, references, retraining and relearning."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import nn

    from mu_conformance.protocol import TrainingRecipe
    from mu_conformance.task import RequestTask, Rows, Task

__all__ = ["VERSION", "fit"]

VERSION = 2
"""Part of the address of every stored model: raise it when the loop changes what it computes."""


def fit(
    model: nn.Module,
    rows: Rows | Any,
    task: Task | RequestTask,
    recipe: TrainingRecipe,
    seed: int,
    *,
    loss: Callable[[nn.Module, Mapping[str, torch.Tensor]], torch.Tensor] | None = None,
    after_step: Callable[[int], None] | None = None,
) -> nn.Module:
    """Train ``model`` in place with AdamW by ``recipe``; return it in evaluation mode.

    ``rows`` is anything with ``batch(indices)`` and ``len`` (``Rows`` or a request's dataset) or a map-style dataset
    of dicts. Only parameters that require gradients are given to the optimiser, so weight decay never moves a frozen
    one. The row order is a function of ``seed``. ``after_step`` is called with the number of steps done.
    """
    from mu_conformance.task import BatchLoader, RequestTask

    parameters = [p for p in model.parameters() if p.requires_grad]
    if not parameters or len(rows) == 0:
        return model.eval()
    device = next(model.parameters()).device
    loss = loss or task.loss
    optimiser = torch.optim.AdamW(parameters, lr=recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True)
    generator = torch.Generator().manual_seed(seed)
    loader = BatchLoader(rows, recipe.batch_size, shuffle=True, generator=generator, collate=RequestTask.collate)
    total, step = recipe.epochs * len(loader), 0
    model.train()
    for _ in range(recipe.epochs):
        for batch in loader:
            for group in optimiser.param_groups:
                group["lr"] = recipe.rate(step, total)
            value = loss(model, {name: column.to(device) for name, column in batch.items()})
            optimiser.zero_grad(set_to_none=True)
            value.backward()
            if recipe.gradient_clip is not None:
                torch.nn.utils.clip_grad_norm_(parameters, recipe.gradient_clip)
            optimiser.step()
            step += 1
            if after_step is not None:
                after_step(step)
    return model.eval()
