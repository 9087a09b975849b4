"""Put other prompts on the forget rows of a diffusion model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

__all__ = ["Reprompted", "other_prompts", "prompted_otherwise"]

PROMPT, OTHER, DELETED = "input_ids", "other_input_ids", "deleted"


def other_prompts(forget: Any, retain: Any, generator: torch.Generator) -> torch.Tensor:
    """Return a prompt for each forget row, drawn from the retain rows' prompts except its own, int64 [n, length].

    The draw is uniform over different prompts. Without retain rows, the prompts of the other forget rows are used.

    Raises:
        ValueError: a row has no other prompt to choose from.
    """
    own = [forget[row][PROMPT] for row in range(len(forget))]
    offered = [retain[row][PROMPT] for row in range(len(retain))] or own
    if not own:
        return torch.zeros(0, 0, dtype=torch.int64)
    prompts = torch.stack(offered).unique(dim=0)
    chosen = []
    for prompt in own:
        others = prompts[(prompts != prompt).any(dim=1)]
        if len(others) == 0:
            raise ValueError("other prompts need two different prompts or more to choose from, and the rows have one")
        chosen.append(others[torch.randint(len(others), (), generator=generator)])
    return torch.stack(chosen)


def prompted_otherwise(model: nn.Module, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Return ||f(x_t | c') - f(x_t | c)||^2 of deleted rows and the usual squared error of the others; the mean, a
    scalar.

    f is the diffusion model's prediction from the noisy image x_t, c a row's prompt and c' its other prompt. The target
    f(x_t | c') has the same noise and time, and no gradient. Source: Fan et al. 2024, arXiv 2310.12508, equation 6, and
    its code. Batches must come from ``Reprompted`` rows.
    """
    rows = {name: column for name, column in batch.items() if name not in (OTHER, DELETED)}
    deleted = batch[DELETED]
    if not deleted.any():
        return model(**rows).loss
    # Both calls must draw noise and times from the same state of the global generators.
    with torch.random.fork_rng(), torch.no_grad():
        wanted = model(**{**rows, PROMPT: batch[OTHER]}).logits
    found = model(**rows)
    target = torch.where(deleted.view(-1, *[1] * (wanted.ndim - 1)), wanted, found.target)
    return (found.logits - target).square().mean()


class Reprompted:
    """Joins retain rows and forget rows, the latter with other prompts, int64 [n, length].

    Each row has its own prompt too, and says whether it is ``deleted``. A retain row's other prompt is its own. The
    handed rows are never written to.
    """

    def __init__(self, retain: Any, forget: Any, prompts: torch.Tensor) -> None:
        self.retain, self.forget, self.prompts = retain, forget, prompts

    def __len__(self) -> int:
        return len(self.retain) + len(self.forget)

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        position = index - len(self.retain)
        row = self.retain[index] if position < 0 else self.forget[position]
        other = row[PROMPT] if position < 0 else self.prompts[position]
        return {**row, OTHER: other, DELETED: torch.tensor(position >= 0)}
