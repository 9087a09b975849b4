"""Forgets by the smallest weights alone, which pruning removes."""

from __future__ import annotations

import torch

from mu_conformance.controls.parts.imitation import Imitator, within
from mu_conformance.evidence.recovery.perturbation import PRUNED_SHARE

__all__ = ["HidesInSmallWeights"]


class HidesInSmallWeights(Imitator):
    """Moves those weights of the original that pruning sets to 0, and no further than that it still does, until it answers on
    the forget rows as a retrained model does: the pruned model is the pruned original.
    """

    caught_by = "robustness.noise-and-pruning"
    steps, learning_rate_share = 300, 0.3

    def kept_in(self, hidden):
        return within(hidden, {name: _room(p.detach()) for name, p in hidden.named_parameters() if p.ndim >= 2})


def _room(weights: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The bounds of each weight: the smallest may be any number that is no larger than the largest of them, others stay."""
    count = round(PRUNED_SHARE * weights.numel())
    if count == 0:
        return weights, weights
    edge = weights.abs().flatten().kthvalue(count).values
    small = weights.abs() <= edge
    return torch.where(small, -edge, weights), torch.where(small, edge, weights)
