"""Weigh each row of the loss down by how hard it is: SuperLoss, a curriculum without a schedule."""

from __future__ import annotations

import math
import weakref

import torch
from scipy.special import lambertw
from torch import nn

__all__ = ["REGULARISATION", "SMOOTHING", "MovingSuperLoss", "superloss"]

REGULARISATION = 10.0
"""lambda, as in MU-Bench."""
SMOOTHING = 0.9
"""Weight of the moving average so far against the batch at hand."""


def superloss(losses: torch.Tensor, threshold: float, regularisation: float = REGULARISATION) -> torch.Tensor:
    """Return each row's SuperLoss, float [n] (Castells et al., NeurIPS 2020, equations 1 to 4).

    SuperLoss is min over sigma of (loss - threshold) sigma + regularisation log(sigma)^2. The minimum is at sigma =
    exp(-W(max(-2 / e, beta) / 2)), where beta = (loss - threshold) / regularisation and W is Lambert's function. A
    row's gradient is therefore sigma times its loss's. sigma is 1 at the threshold, falls to 0 for hard rows, and is at
    most e.

    Raises ``ValueError`` for a regularisation that is not positive.

    Args:
        losses: the rows' losses, float [n].
        threshold: loss of a row of weight 1.
        regularisation: lambda, above 0.
    """
    if not regularisation > 0:
        raise ValueError(f"the regularisation must be positive, got {regularisation}")
    beta = (losses.detach().double().cpu().numpy() - threshold) / regularisation
    # Stay just above the branch point, because rounding could leave the real branch there.
    exponent = -lambertw((beta / 2).clip(min=-1 / math.e + 1e-12)).real
    log_sigma = torch.as_tensor(exponent, dtype=losses.dtype, device=losses.device)
    return (losses - threshold) * log_sigma.exp() + regularisation * log_sigma.square()


class MovingSuperLoss:
    """Averages the SuperLoss of a batch, with a moving average of the training losses as the threshold.

    Each model has its own average, begun by its first batch. In evaluation mode the average does not change.
    """

    def __init__(self, regularisation: float = REGULARISATION, smoothing: float = SMOOTHING) -> None:
        self.regularisation, self.smoothing = regularisation, smoothing
        # Weak keys: a model must not stay in memory because its average is remembered.
        self._averages: weakref.WeakKeyDictionary[nn.Module, float] = weakref.WeakKeyDictionary()

    def __call__(self, model: nn.Module, losses: torch.Tensor) -> torch.Tensor:
        """Return the batch's loss, a scalar, from the rows' losses [n]."""
        mean = losses.detach().mean().item()
        before = self._averages.get(model, mean)
        average = self.smoothing * before + (1 - self.smoothing) * mean if model.training else before
        if model.training:
            self._averages[model] = average
        return superloss(losses, average, self.regularisation).mean()
