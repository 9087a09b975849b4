"""Distillation: a student that is drawn to a teacher's answers, or pushed away from them."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.nn import functional

__all__ = ["kl_divergence", "teacher_of"]


def kl_divergence(teacher: torch.Tensor, student: torch.Tensor, temperature: float = 1.0) -> torch.Tensor:
    """T^2 KL(softmax(teacher / T) || softmax(student / T)) in nats, the mean over rows; at least 0, and 0 if they agree.

    Logits [n, ..., k]; every index but the last is a row. Both are made distributions first, so a constant added to the
    logits of a row changes nothing; public code that hands raw logits to a divergence gets neither. T^2 keeps the size
    of the gradient (Hinton et al. 2015, arXiv 1503.02531).

    Raises ``ValueError`` for logits of different shapes, without rows, or a temperature that is not positive.
    """
    if teacher.shape != student.shape or teacher.ndim < 2 or teacher.numel() == 0:
        raise ValueError(
            f"teacher and student must give logits [n, k], got {(*teacher.shape,)} and {(*student.shape,)}"
        )
    if not temperature > 0:
        raise ValueError(f"the temperature must be positive, got {temperature}")
    wanted = functional.log_softmax(teacher.flatten(0, -2) / temperature, dim=-1)
    given = functional.log_softmax(student.flatten(0, -2) / temperature, dim=-1)
    return temperature**2 * functional.kl_div(given, wanted, reduction="batchmean", log_target=True)


def teacher_of(model: nn.Module) -> nn.Module:
    """A copy that stays as it is: in evaluation mode, without gradients."""
    return copy.deepcopy(model).eval().requires_grad_(False)
