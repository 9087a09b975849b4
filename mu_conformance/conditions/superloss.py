"""SuperLoss: a curriculum in the loss itself, that weighs each row down by how hard it is."""

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
"""Of the moving average: what the average so far counts against the batch at hand."""


def superloss(losses: torch.Tensor, threshold: float, regularisation: float = REGULARISATION) -> torch.Tensor:
    """Each row's SuperLoss, float [n], of its loss (Castells et al., NeurIPS 2020, equations 1 to 4).

    min over sigma of (loss - threshold) sigma + regularisation log(sigma)^2; it is reached at sigma = exp(-W(max(-2 /
    e, beta) / 2)), beta = (loss - threshold) / regularisation, W being Lambert's function. So a row's gradient is sigma
    times its loss's: sigma is 1 at the threshold, falls to 0 for hard rows, and is e at most.

    Raises ``ValueError`` for a regularisation that is not positive.
    """
    if not regularisation > 0:
        raise ValueError(f"the regularisation must be positive, got {regularisation}")
    beta = (losses.detach().double().cpu().numpy() - threshold) / regularisation
    # just above the branch point, where rounding could leave the real branch
    exponent = -lambertw((beta / 2).clip(min=-1 / math.e + 1e-12)).real
    log_sigma = torch.as_tensor(exponent, dtype=losses.dtype, device=losses.device)
    return (losses - threshold) * log_sigma.exp() + regularisation * log_sigma.square()


class MovingSuperLoss:
    """The mean SuperLoss of a batch, the threshold being a moving average of the losses that a model was trained on.

    Each model has its own average, which begins with its first batch; in evaluation mode it stays as it is.
    """

    def __init__(self, regularisation: float = REGULARISATION, smoothing: float = SMOOTHING) -> None:
        self.regularisation, self.smoothing = regularisation, smoothing
        self._averages: weakref.WeakKeyDictionary[nn.Module, float] = weakref.WeakKeyDictionary()

    def __call__(self, model: nn.Module, losses: torch.Tensor) -> torch.Tensor:
        """A scalar of the rows' losses [n]."""
        mean = losses.detach().mean().item()
        before = self._averages.get(model, mean)
        average = self.smoothing * before + (1 - self.smoothing) * mean if model.training else before
        if model.training:
            self._averages[model] = average
        return superloss(losses, average, self.regularisation).mean()
