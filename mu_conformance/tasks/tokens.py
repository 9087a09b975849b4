"""Compute per-row measures of token logits, which all tasks that generate text share."""

from __future__ import annotations

import zlib

import numpy as np
import torch

from mu_conformance.measures import memorization

__all__ = ["IGNORED", "answer_number", "log_likelihood", "token_outputs"]

IGNORED = -100
"""Label of a token that is not to be predicted (padding, prompt), as in transformers."""


def answer_number(text: bytes) -> int:
    """Return a number for a text, 31 bits of a checksum, so that equal texts have equal numbers."""
    return zlib.crc32(text) & 0x7FFFFFFF


def log_likelihood(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Return the log-probability of each row's labels, nats [n], summed over tokens; differentiable.

    Args:
        logits: float [n, length, vocabulary]; each position predicts the label at the same position.
        labels: int64 [n, length]; ``IGNORED`` ones do not count.
    """
    given = logits.log_softmax(dim=-1).gather(-1, labels.clamp(min=0)[..., None])[..., 0]
    return (given * (labels != IGNORED)).sum(dim=1)


def token_outputs(logits: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
    """Return per-row measures of teacher-forced predictions, each float32 [n].

    - ``loss``: mean nats a token.
    - ``confidence``: mean logit-scaled confidence a token, which stays Gaussian where probabilities saturate.
    - ``exact_memorization`` and ``extraction_strength``: see ``measures.memorization``.

    Args:
        logits: float [n, length, vocabulary]; each position predicts the label at the same position, so the logits of a
            causal model are shifted already.
        labels: int64 [n, length]; ``IGNORED`` ones do not count.
    """
    counted = labels != IGNORED
    targets = labels.clamp(min=0)[..., None]
    true = logits.gather(-1, targets)[..., 0]
    nll = torch.logsumexp(logits, dim=-1) - true
    others = torch.logsumexp(logits.scatter(-1, targets, -torch.inf), dim=-1)
    length = counted.sum(dim=1)
    correct = ((logits.argmax(dim=-1) == labels) & counted).cpu().numpy()
    mask = counted.cpu().numpy()
    return {
        "loss": ((nll * counted).sum(dim=1) / length).cpu(),
        "confidence": (((true - others) * counted).sum(dim=1) / length).cpu(),
        "exact_memorization": torch.from_numpy(memorization.exact_memorization(correct, mask).astype(np.float32)),
        "extraction_strength": torch.from_numpy(memorization.extraction_strength(correct, mask).astype(np.float32)),
    }
