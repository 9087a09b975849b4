"""Which weights matter for which rows: gradients, their squares row by row, and masks of the largest."""

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
    """The gradient of the mean loss over all rows, by the name of each trainable parameter; 0 without rows.

    ``loss`` is the mean of a batch, so each batch counts by its rows. Evaluation mode; the model's mode is restored.
    """
    return _averaged(model, rows, loss, batch_size, lambda gradient: gradient)


def mean_squared_gradient(model: nn.Module, rows: Any, loss: Loss) -> Weights:
    """The mean over rows of each row's squared gradient, by the name of each trainable parameter; 0 without rows.

    With ``loss`` a negative log-likelihood this is the diagonal of the Fisher information: of the empirical one if the
    labels are the rows' own, of the true one if ``loss`` draws them from the model. A row at a time: the square of a
    batch's gradient is another quantity, and smaller. Evaluation mode; the model's mode is restored.
    """
    return _averaged(model, rows, loss, 1, torch.square)


def largest(scores: Mapping[str, torch.Tensor], share: float) -> Weights:
    """Boolean masks of the ``share``, in [0, 1], of all entries that is largest, over all tensors together.

    Exactly round(share * entries) of them; of equal entries the earlier ones.

    Raises ``ValueError`` for a share outside [0, 1].
    """
    if not 0 <= share <= 1:
        raise ValueError(f"a share lies in [0, 1], got {share}")
    flat = torch.cat([tensor.flatten() for tensor in scores.values()]) if scores else torch.zeros(0)
    chosen = torch.zeros(len(flat), dtype=torch.bool, device=flat.device)
    chosen[flat.argsort(descending=True, stable=True)[: round(share * len(flat))]] = True
    parts = chosen.split([tensor.numel() for tensor in scores.values()])
    return {name: part.view(scores[name].shape) for name, part in zip(scores, parts, strict=True)}


def kept_outside(model: nn.Module, masks: Mapping[str, torch.Tensor]) -> Callable[[int], None]:
    """A function for ``fit``'s ``after_step``: weights outside the masks are put back to what they are now, bitwise.

    A gradient of 0 would not do: weight decay, and an optimiser's momentum, move a weight without one.
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
        # a weight that this batch does not use has no gradient: it counts as 0
        gradients = torch.autograd.grad(value, list(named.values()), allow_unused=True)
        for sum_, gradient in zip(total.values(), gradients, strict=True):
            if gradient is not None:
                sum_.add_(of_batch(gradient), alpha=share)
    model.train(was_training)
    return total
