"""What tasks that generate text share: per-row measures of token logits."""

from __future__ import annotations

import zlib

import numpy as np
import torch

from mu_conformance.measures import memorization

__all__ = ["IGNORED", "answer_number", "log_likelihood", "token_outputs"]

IGNORED = -100
"""The label of a token that is not to be predicted (padding, prompt), as in transformers."""


def answer_number(text: bytes) -> int:
    """A number for an answer, so that equal answers are equal numbers (31 bits of a checksum)."""
    return zlib.crc32(text) & 0x7FFFFFFF


def log_likelihood(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Log-probability of each row's labels, nats [n], the sum over tokens; ``IGNORED`` ones do not count.

    ``logits`` float [n, length, vocabulary] predict ``labels`` int64 [n, length] position by position. Differentiable.
    """
    given = logits.log_softmax(dim=-1).gather(-1, labels.clamp(min=0)[..., None])[..., 0]
    return (given * (labels != IGNORED)).sum(dim=1)


def token_outputs(logits: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
    """Per-row measures of teacher-forced answers.

    ``logits`` float [n, length, vocabulary] predict ``labels`` int64 [n, length] position by position (already shifted
    for a causal model); labels of ``IGNORED`` do not count. Returns ``loss`` (mean nats a token), ``confidence`` (mean
    logit-scaled confidence a token, so that it stays Gaussian where probabilities saturate), ``exact_memorization``,
    ``extraction_strength``, each float32 [n].
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
