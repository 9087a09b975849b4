"""Find the weights that matter for given rows: gradients, their squares row by row, and masks of the largest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from mu_conformance.tasks.loader import BatchLoader, collate
from mu_conformance.training.loop import Loss

__all__ = ["kept_outside", "largest", "mean_gradient", "mean_squared_gradient"]

Weights = dict[str, torch.Tensor]


def mean_gradient(model: nn.Module, rows: Any, loss: Loss, batch_size: int) -> Weights:
    """Return the gradient of the mean loss over all rows, by the name of each trainable parameter; 0 without rows.

    ``loss`` is the mean over a batch, so each batch is weighted by its number of rows. The model is evaluated in
    evaluation mode, and its mode is restored.
    """
    return _averaged(model, rows, loss, batch_size, lambda gradient: gradient)


def mean_squared_gradient(model: nn.Module, rows: Any, loss: Loss) -> Weights:
    """Return the mean over rows of each row's squared gradient, by the name of each trainable parameter; 0 without
    rows.

    If ``loss`` is a negative log-likelihood, this is the diagonal of the Fisher information. The information is the
    empirical one if the labels are the rows' own, and the true one if ``loss`` samples them from the model. Rows are
    taken one at a time, because the square of a batch's gradient is a different, smaller quantity. The model is
    evaluated in evaluation mode, and its mode is restored.
    """
    return _averaged(model, rows, loss, 1, torch.square)


def largest(scores: Mapping[str, torch.Tensor], share: float) -> Weights:
    """Return boolean masks of the largest entries, a ``share`` of all entries over all tensors together.

    Exactly round(share * entries) entries are selected; among equal entries, the earlier ones.

    Args:
        scores: tensors by name.
        share: share of all entries, in [0, 1].

    Raises:
        ValueError: ``share`` lies outside [0, 1].
    """
    if not 0 <= share <= 1:
        raise ValueError(f"a share lies in [0, 1], got {share}")
    flat = torch.cat([tensor.flatten() for tensor in scores.values()]) if scores else torch.zeros(0)
    chosen = torch.zeros(len(flat), dtype=torch.bool, device=flat.device)
    chosen[flat.argsort(descending=True, stable=True)[: round(share * len(flat))]] = True
    parts = chosen.split([tensor.numel() for tensor in scores.values()])
    return {name: part.view(scores[name].shape) for name, part in zip(scores, parts, strict=True)}


def kept_outside(model: nn.Module, masks: Mapping[str, torch.Tensor]) -> Callable[[int], None]:
    """Return a function for ``fit``'s ``after_step`` that restores weights outside the masks to their values at this
    call.

    The restored weights are equal bit for bit. Zeroing their gradients would not suffice: weight decay and an
    optimiser's momentum move a weight without a gradient.
    """
    before = {name: p.detach().clone() for name, p in model.named_parameters() if name in masks}

    @torch.no_grad()
    def put_back(_step: int) -> None:
        for name, parameter in model.named_parameters():
            if name in masks:
                parameter.copy_(torch.where(masks[name], parameter, before[name]))

    return put_back


def _averaged(
    model: nn.Module, rows: Any, loss: Loss, batch_size: int, of_batch: Callable[[torch.Tensor], torch.Tensor]
) -> Weights:
    named = {name: p for name, p in model.named_parameters() if p.requires_grad}
    total = {name: torch.zeros_like(parameter) for name, parameter in named.items()}
    was_training = model.training
    model.eval()
    for batch in BatchLoader(rows, batch_size, shuffle=False, generator=None, collate=collate):
        share = len(next(iter(batch.values()))) / len(rows)
        on_device = {name: column.to(next(model.parameters()).device) for name, column in batch.items()}
        value = loss(model, on_device)
        # A weight unused by this batch has no gradient, which counts as 0.
        gradients = torch.autograd.grad(value, list(named.values()), allow_unused=True)
        for sum_, gradient in zip(total.values(), gradients, strict=True):
            if gradient is not None:
                sum_.add_(of_batch(gradient), alpha=share)
    model.train(was_training)
    return total
