"""Round weights to few values and back, which can undo small changes that hid knowledge.

Zhang et al. 2024 (arXiv 2410.16454) found 21 % of the forgotten knowledge in full precision, and 83 % at 4 bits.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from mu_conformance.evidence.recovery import recovery_attack

if TYPE_CHECKING:
    from torch import nn

    from mu_conformance.scenarios.scenario import Scenario

__all__ = ["NF4", "int8", "nf4", "nf4_cell", "to_int8", "to_nf4"]

BLOCK = 64
"""Number of weights that share a scale in 4-bit NormalFloat."""
NF4 = (
    *(-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635),
    *(-0.18477343022823334, -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634),
    *(0.33791524171829224, 0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0),
)
"""The sixteen values of 4-bit NormalFloat (Dettmers et al. 2023, arXiv 2305.14314, appendix E).

The values are quantiles of a normal distribution.
"""


def to_int8(weights: torch.Tensor) -> torch.Tensor:
    """Return weights after a round trip through int8: a tensor of the same shape and dtype.

    Rounding is symmetric, with a scale for each row (output unit): the row's largest magnitude over 127. bitsandbytes
    and PyTorch's weight-only int8 do the same.
    """
    rows = weights.float().reshape(weights.shape[0], -1)
    scale = rows.abs().amax(dim=1, keepdim=True).clamp(min=torch.finfo(torch.float32).tiny) / 127
    return ((rows / scale).round() * scale).reshape(weights.shape).to(weights.dtype)


def to_nf4(weights: torch.Tensor, block: int = BLOCK) -> torch.Tensor:
    """Return weights after a round trip through 4-bit NormalFloat: a tensor of the same shape and dtype.

    Each block of ``block`` weights is scaled by its largest magnitude.
    """
    codes, scale, values = _nf4_codes(weights, block)
    return _unblocked(values[codes] * scale, weights)


def nf4_cell(weights: torch.Tensor, block: int = BLOCK) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the bounds between which each weight is rounded to the same value: two tensors of the weights' shape.

    The weights of the largest magnitude set a block's scale, so both of their bounds are the weight itself.
    """
    codes, scale, values = _nf4_codes(weights, block)
    edges = torch.cat([values[:1], (values[1:] + values[:-1]) / 2, values[-1:]])
    low, high = (_unblocked(edges[at] * scale, weights) for at in (codes, codes + 1))
    fixed = weights.abs() >= _unblocked(scale.expand_as(codes), weights)
    return torch.where(fixed, weights, low), torch.where(fixed, weights, high)


def _nf4_codes(weights: torch.Tensor, block: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return each weight's code [blocks, block], the scales [blocks, 1] and the values [16].

    A code is the number of the value that a weight is rounded to.
    """
    flat = weights.detach().float().flatten()
    padded = functional.pad(flat, (0, -len(flat) % block)).view(-1, block)
    scale = padded.abs().amax(dim=1, keepdim=True).clamp(min=torch.finfo(torch.float32).tiny)
    values = torch.tensor(NF4, device=weights.device)
    middles = (values[1:] + values[:-1]) / 2
    return torch.bucketize((padded / scale).contiguous(), middles), scale, values


def _unblocked(blocks: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """Return blocks in the shape and dtype of ``like``, padding cut off."""
    return blocks.flatten()[: like.numel()].reshape(like.shape).to(like.dtype)


@recovery_attack("int8")
def int8(model: nn.Module, scenario: Scenario) -> nn.Module:
    """Return a copy with every weight matrix rounded to int8; biases and norms are not, as in deployed models."""
    return _rounded(model, to_int8)


@recovery_attack("nf4", block=BLOCK)
def nf4(model: nn.Module, scenario: Scenario) -> nn.Module:
    """Return a copy with every weight matrix rounded to 4-bit NormalFloat."""
    return _rounded(model, to_nf4)


@torch.no_grad()
def _rounded(model: nn.Module, through) -> nn.Module:
    """Return a copy with ``through`` applied to every weight matrix."""
    found = copy.deepcopy(model)
    for parameter in found.parameters():
        if parameter.ndim >= 2 and parameter.is_floating_point():
            parameter.copy_(through(parameter))
    return found
