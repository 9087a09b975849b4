"""Preference losses that only have a dispreferred answer: what is to be forgotten."""

from __future__ import annotations

import torch
from torch.nn import functional

__all__ = ["npo", "simnpo"]


def npo(log_likelihood: torch.Tensor, reference: torch.Tensor, beta: float) -> torch.Tensor:
    """Negative preference optimisation (Zhang et al. 2024, arXiv 2404.05868, eq. 3), the mean over rows, in nats.

    -2 / beta * log sigmoid(-beta * (log p - log p_reference)), of each row's log-probabilities [n] under the model and
    under the original. At the original it is 2 ln(2) / beta; a row's gradient is that of gradient ascent times
    2 p^beta / (p^beta + p_reference^beta), which goes to 1 with beta and to 0 as the row is forgotten: it has a bound.

    Raises ``ValueError`` for a beta that is not positive, or arrays of different shapes or without rows.
    """
    _check(beta, log_likelihood, reference)
    return -2 / beta * functional.logsigmoid(-beta * (log_likelihood - reference)).mean()


def simnpo(log_likelihood: torch.Tensor, lengths: torch.Tensor, beta: float, gamma: float = 0.0) -> torch.Tensor:
    """NPO without a reference (Fan et al. 2024, arXiv 2410.07163, eq. 5), the mean over rows, in nats.

    -2 / beta * log sigmoid(-beta / length * log p - gamma): what a row counts for depends on how likely it is a token,
    and not on how likely it was.

    Raises ``ValueError`` as ``npo``.
    """
    _check(beta, log_likelihood, lengths)
    return -2 / beta * functional.logsigmoid(-beta * log_likelihood / lengths - gamma).mean()


def _check(beta: float, one: torch.Tensor, other: torch.Tensor) -> None:
    if not beta > 0:
        raise ValueError(f"beta must be positive, got {beta}")
    if one.ndim != 1 or one.shape != other.shape or len(one) == 0:
        raise ValueError(f"a number for each row is needed, got shapes {(*one.shape,)} and {(*other.shape,)}")
