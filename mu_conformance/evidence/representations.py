"""Record how a model represents rows: the input of its last layer, seen by a hook, so that any architecture has it."""

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
"""Width of a sketch.

Random projections preserve inner products up to noise (Johnson & Lindenstrauss 1984), and a narrow sketch keeps packs
small.
"""
ROWS = 48
"""Number of rows of each part in a sketch, the first ones."""
BATCH = 64
"""Number of rows measured at once."""


class _Watch:
    """Remembers the module that ran last, of those with parameters of their own, and its first input."""

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
        # An adapter runs beside the layer that it adapts, so it is not the last layer.
        if "lora_" not in name and any(True for _ in module.parameters(recurse=False))
    ]
    hooks = [module.register_forward_pre_hook(note) for module in holders]
    try:
        yield watch
    finally:
        for hook in hooks:
            hook.remove()


def last_layer(model: nn.Module, task: Task, rows: Rows) -> nn.Module | None:
    """Return the module with parameters of its own that runs last; None if no module is handed a tensor."""
    with _watched(model) as watch:
        in_batches(model, rows.select([0]), lambda batch: task.logits(model, batch), 1)
    return watch.module


def representations(model: nn.Module, task: Task, rows: Rows, batch_size: int = BATCH) -> torch.Tensor:
    """Return the input of the model's last layer for each row, flattened, float32 [n, d] on the CPU.

    d is 0 if there is no such input. For an ensemble, the inputs of the members' last layers are joined. The model is
    in evaluation mode, and its mode is restored.
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
    """Return a random projection of the first forget and holdout rows' representations, float16 [rows, ``DIMENSIONS``].

    The projection depends on the width alone, so it is the same for all models of an architecture. The largest entry is
    scaled to 1, because sketches are compared up to scale.
    """
    parts = [scenario.rows[part] for part in ("forget", "holdout")]
    found = torch.cat(
        [representations(model, scenario.task, rows.select(range(min(ROWS, len(rows))))) for rows in parts]
    )
    width = found.shape[1]
    projection = torch.randn(width, DIMENSIONS, generator=torch.Generator().manual_seed(width))
    projected = found @ projection
    # NaN and infinity pass through, and are found when the part is read.
    largest = projected.abs().max()
    return (projected / largest if largest > 0 else projected).half()
