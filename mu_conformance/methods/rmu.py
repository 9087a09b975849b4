"""RMU: steer a language model's activations on forget texts into a random direction (Li et al. 2024)."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import nn

from mu_conformance.methods.parts.batches import endless
from mu_conformance.methods.parts.distillation import teacher_of
from mu_conformance.methods.parts.layers import blocks_of, only, settled
from mu_conformance.methods.parts.tuning import tuned_defaults
from mu_conformance.protocol.claims import Claims
from mu_conformance.protocol.request import DeletionRequest
from mu_conformance.training.loop import fit

__all__ = ["RMU"]


@tuned_defaults
class RMU:
    """Steers a language model's activations on forget rows into a random direction, and holds those on retain rows.

    Minimises ||h_theta(forget) - c u||^2 + alpha ||h_theta(retain) - h_original(retain)||^2, the mean over tokens.
    Source: Li et al. 2024, "The WMDP Benchmark", arXiv 2403.03218, equations 1 and 2. Here h are the activations after
    one block of the transformer. The direction u has coordinates drawn uniformly from [0, 1), scaled to length 1.
    Padding does not count.

    Only the parameters of that block and of the two before it are trained, without weight decay. The gradient's norm is
    clipped at 1. Reads both sets and no labels. Defined for causal language models.

    Args:
        steering: c, above 0. The default is the paper's for Zephyr-7B.
        alpha: weight of the retain term, at least 0. The default is the paper's for Zephyr-7B.
        block: number of the block, from 0. None stands for a third of the way up, at least the first block.
        epochs: passes over the forget set, at least 1.
        learning_rate_share: share of the recipe's learning rate, above 0.
    """

    claims = Claims(max_ratio=1.0, requires=("facts",), reads_labels=False)
    search = {"steering": (6.5, 20.0), "alpha": (10.0, 1200.0), "epochs": (5, 15), "learning_rate_share": (0.1, 0.3)}

    def __init__(
        self,
        steering: float = 6.5,
        alpha: float = 1200.0,
        block: int | None = None,
        epochs: int = 10,
        learning_rate_share: float = 0.3,
    ) -> None:
        if not 0 < steering < float("inf"):
            raise ValueError(f"steering must lie in (0, inf), got {steering}")
        if not 0 <= alpha < float("inf"):
            raise ValueError(f"alpha must lie in [0, inf), got {alpha}")
        if block is not None and block < 0:
            raise ValueError(f"block must be at least 0, or None for a third of the way up, got {block}")
        if epochs < 1:
            raise ValueError(f"epochs must be at least 1, got {epochs}")
        if not 0 < learning_rate_share < float("inf"):
            raise ValueError(f"learning_rate_share must lie in (0, inf), got {learning_rate_share}")
        self.steering, self.alpha, self.block = steering, alpha, block
        self.epochs, self.learning_rate_share = epochs, learning_rate_share

    def unlearn(self, model, request: DeletionRequest):
        recipe = request.recipe.for_forget_set(self.epochs, self.learning_rate_share)
        task, original, found = request.task, teacher_of(model), copy.deepcopy(model)
        place, blocks = blocks_of(found)
        at = max(1, len(blocks) // 3) - 1 if self.block is None else self.block
        if at >= len(blocks):
            raise ValueError(f"block must lie in [0, {len(blocks) - 1}] for this model, got {at}")
        trained = tuple(f"{place}.{number}." for number in range(max(0, at - 2), at + 1))
        names = [name for name, _ in found.named_parameters() if name.startswith(trained)]
        reference = blocks_of(original)[1][at]
        direction: torch.Tensor | None = None

        def activations(asked: nn.Module, block: nn.Module, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
            with _output_of(block) as seen:
                task.logits(asked, batch)
            return seen[-1]

        with request.seeded() as generator, only(found, names):
            beside = endless(task.loader(request.retain, recipe.batch_size, generator=generator))

            def misdirect(current, batch):
                nonlocal direction
                given = activations(current, blocks[at], batch)
                if direction is None:
                    # Drawn once the width is known, and then used for the whole call.
                    direction = torch.rand(given.shape[-1], generator=generator).to(given)
                    direction = direction / direction.norm()
                loss = _squared_distance(given, self.steering * direction, batch)
                kept = next(beside, None) if self.alpha else None
                if kept is None:
                    return loss
                rows = {name: column.to(request.device) for name, column in kept.items()}
                with torch.no_grad():
                    known = activations(original, reference, rows)
                return loss + self.alpha * _squared_distance(activations(current, blocks[at], rows), known, rows)

            return fit(
                found, request.forget, task, recipe, request.seed, loss=misdirect, evaluated=settled(found, names)
            )


@contextlib.contextmanager
def _output_of(module: nn.Module) -> Iterator[list[torch.Tensor]]:
    """Record a module's output in each forward pass inside the block, [n, length, width]; remove the hook after the
    block.
    """
    seen: list[torch.Tensor] = []

    def keep(_module: nn.Module, _inputs: Any, output: Any) -> None:
        # Some blocks of transformers return a tuple, hidden states first.
        seen.append(output[0] if isinstance(output, tuple) else output)

    hook = module.register_forward_hook(keep)
    try:
        yield seen
    finally:
        hook.remove()


def _squared_distance(given: torch.Tensor, wanted: torch.Tensor, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Return ||given - wanted||^2 of [n, length, width], summed over the width; the mean over tokens except padding."""
    apart = (given - wanted).square().sum(dim=-1)
    mask = batch.get("attention_mask")
    return apart.mean() if mask is None else (apart * mask).sum() / mask.sum()
