"""Compute preference losses that have only a dispreferred answer: the rows to be forgotten."""

from __future__ import annotations

import torch
from torch.nn import functional

__all__ = ["npo", "simnpo"]


def npo(log_likelihood: torch.Tensor, reference: torch.Tensor, beta: float) -> torch.Tensor:
    """Return the loss of negative preference optimisation (Zhang et al. 2024, arXiv 2404.05868, eq. 3), in nats.

    The loss is -2 / beta * log sigmoid(-beta * (log p - log p_reference)), the mean over rows. At the original its
    value is 2 ln(2) / beta. A row's gradient is that of gradient ascent times 2 p^beta / (p^beta + p_reference^beta).
    This factor goes to 1 as beta goes to 0, and to 0 as the row is forgotten, so the gradient is bounded.

    Args:
        log_likelihood: log-probability of each row under the model [n], in nats.
        reference: log-probability of each row under the original [n], in nats.
        beta: inverse temperature, above 0.

    Raises:
        ValueError: beta is not positive, or the arrays have different shapes or no rows.
    """
    _check(beta, log_likelihood, reference)
    return -2 / beta * functional.logsigmoid(-beta * (log_likelihood - reference)).mean()


def simnpo(log_likelihood: torch.Tensor, lengths: torch.Tensor, beta: float, gamma: float = 0.0) -> torch.Tensor:
    """Return the loss of NPO without a reference (Fan et al. 2024, arXiv 2410.07163, eq. 5), in nats.

    The loss is -2 / beta * log sigmoid(-beta / length * log p - gamma), the mean over rows. A row's weight depends on
    how likely it is per token, and not on how likely it was before.

    Args:
        log_likelihood: log-probability of each row under the model [n], in nats.
        lengths: tokens of each row's answer [n].
        beta: inverse temperature, above 0.
        gamma: margin of the preference.

    Raises:
        ValueError: as for ``npo``.
    """
    _check(beta, log_likelihood, lengths)
    return -2 / beta * functional.logsigmoid(-beta * log_likelihood / lengths - gamma).mean()


def _check(beta: float, one: torch.Tensor, other: torch.Tensor) -> None:
    if not beta > 0:
        raise ValueError(f"beta must be positive, got {beta}")
    if one.ndim != 1 or one.shape != other.shape or len(one) == 0:
        raise ValueError(f"a number for each row is needed, got shapes {(*one.shape,)} and {(*other.shape,)}")
