"""Quantization: weights are rounded to few values and back, which can bring back what small changes of weights had hidden
(Zhang et al. 2024, arXiv 2410.16454: 21 % of the forgotten knowledge in full precision, 83 % at 4 bits)."""

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
NF4 = (
    *(-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635),
    *(-0.18477343022823334, -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634),
    *(0.33791524171829224, 0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0),
)
"""The sixteen values of 4-bit NormalFloat, quantiles of a normal distribution (Dettmers et al. 2023, arXiv 2305.14314, appendix E)."""


def to_int8(weights: torch.Tensor) -> torch.Tensor:
    """Round trip through int8, symmetric, with a scale for each row (output unit): a tensor of the same shape and dtype.

    The scale is the largest magnitude of the row over 127 (as bitsandbytes' and PyTorch's weight-only int8).
    """
    rows = weights.float().reshape(weights.shape[0], -1)
    scale = rows.abs().amax(dim=1, keepdim=True).clamp(min=torch.finfo(torch.float32).tiny) / 127
    return ((rows / scale).round() * scale).reshape(weights.shape).to(weights.dtype)


def to_nf4(weights: torch.Tensor, block: int = BLOCK) -> torch.Tensor:
    """Round trip through 4-bit NormalFloat in blocks of ``block`` weights, each scaled by its largest magnitude."""
    codes, scale, values = _nf4_codes(weights, block)
    return _unblocked(values[codes] * scale, weights)


def nf4_cell(weights: torch.Tensor, block: int = BLOCK) -> tuple[torch.Tensor, torch.Tensor]:
    """Between what each weight can lie and be rounded to the same value, two tensors of the weights' shape.

    The weights of the largest magnitude, which set a block's scale, stay as they are.
    """
    codes, scale, values = _nf4_codes(weights, block)
    edges = torch.cat([values[:1], (values[1:] + values[:-1]) / 2, values[-1:]])
    low, high = (_unblocked(edges[at] * scale, weights) for at in (codes, codes + 1))
    fixed = weights.abs() >= _unblocked(scale.expand_as(codes), weights)
    return torch.where(fixed, weights, low), torch.where(fixed, weights, high)


def _nf4_codes(weights: torch.Tensor, block: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Which of the values each weight is rounded to, [blocks, block]; the scales [blocks, 1]; the values [16]."""
    flat = weights.detach().float().flatten()
    padded = functional.pad(flat, (0, -len(flat) % block)).view(-1, block)
    scale = padded.abs().amax(dim=1, keepdim=True).clamp(min=torch.finfo(torch.float32).tiny)
    values = torch.tensor(NF4, device=weights.device)
    middles = (values[1:] + values[:-1]) / 2
    return torch.bucketize((padded / scale).contiguous(), middles), scale, values


def _unblocked(blocks: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    return blocks.flatten()[: like.numel()].reshape(like.shape).to(like.dtype)


@recovery_attack("int8")
def int8(model: nn.Module, scenario: Scenario) -> nn.Module:
    """Every weight matrix through int8; biases and norms stay, as they do in use."""
    return _rounded(model, to_int8)


@recovery_attack("nf4", block=BLOCK)
def nf4(model: nn.Module, scenario: Scenario) -> nn.Module:
    """Every weight matrix through 4-bit NormalFloat."""
    return _rounded(model, to_nf4)


@torch.no_grad()
def _rounded(model: nn.Module, through) -> nn.Module:
    found = copy.deepcopy(model)
    for parameter in found.parameters():
        if parameter.ndim >= 2 and parameter.is_floating_point():
            parameter.copy_(through(parameter))
    return found
