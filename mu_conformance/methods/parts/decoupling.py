"""Decoupled distillation: the teacher's answer without the class that is to be forgotten."""

from __future__ import annotations

import torch

__all__ = ["decoupled_divergence", "masked_teacher"]


def masked_teacher(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Log-probabilities [n, k] of the other classes: -inf at the label, the rest a distribution again.

    softmax of the logits [n, k], k at least 2, with -inf in the place of each row's label, int64 [n] in [0, k).

    Raises ``ValueError`` for other shapes, or no rows.
    """
    if logits.ndim != 2 or labels.shape != logits.shape[:1] or logits.shape[0] == 0 or logits.shape[1] < 2:
        raise ValueError(
            f"logits [n, k] of two classes or more and labels [n] are needed, got {(*logits.shape,)} and {(*labels.shape,)}"
        )
    return logits.scatter(1, labels[:, None], -torch.inf).log_softmax(dim=1)


def decoupled_divergence(teacher: torch.Tensor, student: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """KL(masked teacher || softmax(student)) in nats, the mean over rows: DELETE's loss (Zhou et al. 2025, arXiv 2503.23751).

    Logits [n, k] of both and labels int64 [n]. At least 0, and 0 where the student gives the label no probability and
    the other classes the teacher's; a constant added to the logits of a row changes nothing.

    Raises ``ValueError`` as ``masked_teacher``, or for logits of different shapes.
    """
    if teacher.shape != student.shape:
        raise ValueError(
            f"teacher and student must give logits [n, k], got {(*teacher.shape,)} and {(*student.shape,)}"
        )
    wanted = masked_teacher(teacher, labels)
    # 0 * log 0 is 0: where the teacher gives nothing, neither -inf - -inf nor its gradient may be computed
    apart = (wanted - student.log_softmax(dim=1)).masked_fill(wanted == -torch.inf, 0.0)
    return (wanted.exp() * apart).sum(dim=1).mean()
