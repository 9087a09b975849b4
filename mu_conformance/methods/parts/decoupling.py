"""Decoupled distillation: distil the teacher's output without the class that is to be forgotten."""

from __future__ import annotations

import torch

__all__ = ["decoupled_divergence", "masked_teacher"]


def masked_teacher(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Return log-probabilities [n, k] of the other classes: -inf at the label, the rest renormalised.

    The result is log softmax of the logits, with -inf in the place of each row's label.

    Args:
        logits: [n, k], with k at least 2.
        labels: int64 [n], in [0, k).

    Raises:
        ValueError: other shapes, or no rows.
    """
    if logits.ndim != 2 or labels.shape != logits.shape[:1] or logits.shape[0] == 0 or logits.shape[1] < 2:
        raise ValueError(
            "logits [n, k] of two classes or more and labels [n] are needed, "
            f"got {(*logits.shape,)} and {(*labels.shape,)}"
        )
    return logits.scatter(1, labels[:, None], -torch.inf).log_softmax(dim=1)


def decoupled_divergence(teacher: torch.Tensor, student: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Return KL(masked teacher || softmax(student)) in nats, the mean over rows.

    This is DELETE's loss (Zhou et al. 2025, arXiv 2503.23751). The value is at least 0. The value is 0 where the
    student gives the label no probability, and the other classes those of the teacher. Adding a constant to the logits
    of a row changes nothing.

    Args:
        teacher: logits [n, k].
        student: logits [n, k].
        labels: int64 [n], in [0, k).

    Raises:
        ValueError: as for ``masked_teacher``, or logits of different shapes.
    """
    if teacher.shape != student.shape:
        raise ValueError(
            f"teacher and student must give logits [n, k], got {(*teacher.shape,)} and {(*student.shape,)}"
        )
    wanted = masked_teacher(teacher, labels)
    # 0 * log 0 is 0. Where the teacher's probability is 0, neither -inf - -inf nor its gradient may be computed.
    apart = (wanted - student.log_softmax(dim=1)).masked_fill(wanted == -torch.inf, 0.0)
    return (wanted.exp() * apart).sum(dim=1).mean()
