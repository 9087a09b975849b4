"""How a model represents rows: what the last layer is handed, seen by a hook, so that any architecture has it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from torch import nn

from mu_conformance.conditions.shards import ShardedEnsemble
from mu_conformance.tasks.base import in_batches

if TYPE_CHECKING:
    from mu_conformance.scenarios.scenario import Scenario
    from mu_conformance.tasks import Rows, Task

__all__ = ["DIMENSIONS", "ROWS", "last_layer", "representations", "sketch"]

DIMENSIONS = 16
"""Of a sketch: random projections keep inner products up to their noise (Johnson & Lindenstrauss 1984), in a small pack."""
ROWS = 48
"""Of each part, the first, that a sketch is made of."""
BATCH = 64


class _Watch:
    """The module that ran last of those that hold parameters themselves, and the first thing that it was handed."""

    module: nn.Module | None = None
    handed: torch.Tensor | None = None


@contextlib.contextmanager
def _watched(model: nn.Module) -> Iterator[_Watch]:
    watch = _Watch()

    def note(module: nn.Module, inputs: tuple) -> None:
        if inputs and isinstance(inputs[0], torch.Tensor) and inputs[0].is_floating_point():
            watch.module, watch.handed = module, inputs[0]

    holders = [
        module
        for name, module in model.named_modules()
        # an adapter stands beside the layer that it adapts
        if "lora_" not in name and any(True for _ in module.parameters(recurse=False))
    ]
    hooks = [module.register_forward_pre_hook(note) for module in holders]
    try:
        yield watch
    finally:
        for hook in hooks:
            hook.remove()


def last_layer(model: nn.Module, task: Task, rows: Rows) -> nn.Module | None:
    """The module with parameters of its own that runs last when ``model`` answers; None if none is handed a tensor."""
    with _watched(model) as watch:
        in_batches(model, rows.select([0]), lambda batch: task.logits(model, batch), 1)
    return watch.module


def representations(model: nn.Module, task: Task, rows: Rows, batch_size: int = BATCH) -> torch.Tensor:
    """What the last layer of ``model`` is handed for each row, flattened: float32 [n, d] on the CPU, d 0 if there is nothing.

    Of an ensemble, what the last layer of each member is handed. Evaluation mode; the model's mode is restored.
    """
    if isinstance(model, ShardedEnsemble):
        return torch.cat([representations(member, task, rows, batch_size) for member in model.members], dim=1)
    with _watched(model) as watch:

        def of_batch(batch: dict[str, torch.Tensor]) -> torch.Tensor:
            task.logits(model, batch)
            count = len(next(iter(batch.values())))
            if watch.handed is None or len(watch.handed) % count:
                return torch.zeros(count, 0)
            return watch.handed.float().reshape(count, -1)

        return in_batches(model, rows, of_batch, batch_size)


def sketch(model: nn.Module, scenario: Scenario) -> torch.Tensor:
    """Representations of the first forget and holdout rows, projected at random: float16 [rows, ``DIMENSIONS``].

    The projection depends on the width alone, so it is the same for all models of an architecture. Scaled so that the
    largest entry is 1: what is compared is the same up to scale.
    """
    parts = [scenario.rows[part] for part in ("forget", "holdout")]
    found = torch.cat(
        [representations(model, scenario.task, rows.select(range(min(ROWS, len(rows))))) for rows in parts]
    )
    width = found.shape[1]
    projection = torch.randn(width, DIMENSIONS, generator=torch.Generator().manual_seed(width))
    projected = found @ projection
    # not finite is left for who reads it to find
    largest = projected.abs().max()
    return (projected / largest if largest > 0 else projected).half()
