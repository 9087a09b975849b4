"""Forget by the smallest weights alone, which pruning removes."""

from __future__ import annotations

import torch

from mu_conformance.controls.parts.imitation import Imitator, within
from mu_conformance.evidence.recovery.perturbation import PRUNED_SHARE

__all__ = ["HidesInSmallWeights"]


class HidesInSmallWeights(Imitator):
    """Moves only weights that pruning sets to 0, until the outputs on the forget rows match a retrained model's.

    The weights move no further than pruning allows, so that the pruned model is the pruned original.
    """

    caught_by = "robustness.noise-and-pruning"
    steps, learning_rate_share = 300, 0.3

    def kept_in(self, hidden):
        return within(hidden, {name: _room(p.detach()) for name, p in hidden.named_parameters() if p.ndim >= 2})


def _room(weights: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the bounds of each weight: a weight to be pruned may take any value that is still pruned, others stay."""
    count = round(PRUNED_SHARE * weights.numel())
    if count == 0:
        return weights, weights
    edge = weights.abs().flatten().kthvalue(count).values
    small = weights.abs() <= edge
    return torch.where(small, -edge, weights), torch.where(small, edge, weights)
