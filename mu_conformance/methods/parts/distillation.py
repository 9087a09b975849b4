"""Distillation: draw a student to a teacher's output, or push the student away from it."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.nn import functional

__all__ = ["kl_divergence", "teacher_of"]


def kl_divergence(teacher: torch.Tensor, student: torch.Tensor, temperature: float = 1.0) -> torch.Tensor:
    """Return T^2 KL(softmax(teacher / T) || softmax(student / T)) in nats, the mean over rows.

    The value is at least 0, and 0 if both agree. Every index except the last is a row. Both sides are normalised first,
    so adding a constant to the logits of a row changes nothing. Public code that passes raw logits to a divergence has
    neither property. The factor T^2 keeps the size of the gradient (Hinton et al. 2015, arXiv 1503.02531).

    Args:
        teacher: logits [n, ..., k].
        student: logits [n, ..., k].
        temperature: T, above 0.

    Raises:
        ValueError: logits of different shapes or without rows, or a temperature that is not positive.
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
    """Return a copy of the model that never changes: in evaluation mode, without gradients."""
    return copy.deepcopy(model).eval().requires_grad_(False)
