"""Perturb weights: add a little noise to all, or drop the smallest; unlearning must not depend on either."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch

from mu_conformance.evidence.recovery import recovery_attack

if TYPE_CHECKING:
    from torch import nn

    from mu_conformance.scenarios.scenario import Scenario

__all__ = ["noised", "pruned"]

NOISE_SHARE = 0.1
"""Deviation of the noise, as a share of the standard deviation of the weight matrix."""
PRUNED_SHARE = 0.3
"""Share of the weights of each matrix set to 0."""
SEED = 7
"""Seed of the noise."""


@recovery_attack("noised", share=NOISE_SHARE, seed=SEED)
@torch.no_grad()
def noised(model: nn.Module, scenario: Scenario) -> nn.Module:
    """Return a copy with Gaussian noise on every weight matrix, the same for every model."""
    found = copy.deepcopy(model)
    generator = torch.Generator().manual_seed(SEED)
    for parameter in found.parameters():
        # A single weight has no standard deviation.
        if parameter.ndim >= 2 and parameter.is_floating_point() and parameter.numel() > 1:
            drawn = torch.randn(parameter.shape, generator=generator).to(parameter)
            parameter.add_(NOISE_SHARE * parameter.std() * drawn)
    return found


@recovery_attack("pruned", share=PRUNED_SHARE)
@torch.no_grad()
def pruned(model: nn.Module, scenario: Scenario) -> nn.Module:
    """Return a copy with the smallest weights of each matrix set to 0 (Han et al. 2015, arXiv 1506.02626)."""
    found = copy.deepcopy(model)
    for parameter in found.parameters():
        if parameter.ndim >= 2 and parameter.is_floating_point():
            count = round(PRUNED_SHARE * parameter.numel())
            flat = parameter.flatten()
            flat[flat.abs().argsort(stable=True)[:count]] = 0.0
            parameter.copy_(flat.view(parameter.shape))
    return found
