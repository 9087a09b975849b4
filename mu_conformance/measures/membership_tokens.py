"""Score the membership of texts from a language model's log-probabilities; larger means "member"."""

from __future__ import annotations

import numpy as np
from scipy.special import log_softmax

from mu_conformance.measures import arrays

__all__ = ["min_k", "min_k_plus_plus"]


def _which_count(counted: np.ndarray | None, shape: tuple[int, ...]) -> np.ndarray:
    counted = np.ones(shape, bool) if counted is None else np.asarray(counted)
    if counted.shape != shape or counted.dtype != bool:
        raise ValueError(f"counted must be bool {shape}, got {counted.dtype} {counted.shape}")
    if counted.size == 0 or not counted.any(axis=-1).all():
        raise ValueError("a text has no token that counts: need at least one a text")
    return counted


def _mean_of_lowest(values: np.ndarray, fraction: float, counted: np.ndarray) -> np.ndarray:
    """Return the mean of the lowest ``fraction`` of each text's counted tokens, rounded down, at least one token."""
    fraction = arrays.number(fraction, "fraction", 0, 1, above=True)
    # 1e-9, because 0.29 of 100 tokens must give 29, and 0.29 * 100 is a little less.
    lowest = np.maximum(np.floor(fraction * counted.sum(axis=-1) + 1e-9), 1)
    ordered = np.sort(np.where(counted, values, np.inf), axis=-1)
    taken = np.arange(values.shape[-1]) < lowest[..., None]
    return np.where(taken, ordered, 0.0).sum(axis=-1) / lowest


def min_k(logprobs: np.ndarray, fraction: float, counted: np.ndarray | None = None) -> np.ndarray:
    """Return the mean log-probability of each text's least likely tokens in nats, at most 0: Min-K% Prob.

    Source: Shi et al. 2024, arXiv 2310.16789. The result is [n], or one number for one text. With fraction 1, it is the
    negative of the loss.

    Args:
        logprobs: log-probability of each token after those before it, [n, tokens], or [tokens] for one text.
        fraction: share of the tokens, in (0, 1], rounded down but at least one token.
        counted: bool, of the same shape: the tokens that belong to the text. Default: all.

    Raises:
        ValueError: other shapes, a text without tokens, NaN, a log-probability above 0, or a bad ``fraction``.
    """
    logprobs = np.asarray(logprobs, float)
    if logprobs.ndim not in (1, 2):
        raise ValueError(f"logprobs must be [n, tokens] or [tokens], got shape {logprobs.shape}")
    counted = _which_count(counted, logprobs.shape)
    if not np.isfinite(logprobs[counted]).all() or logprobs[counted].max() > 0:
        raise ValueError("a token's log-probability is NaN, infinite or above 0")
    return _mean_of_lowest(logprobs, fraction, counted)


def min_k_plus_plus(
    logits: np.ndarray, tokens: np.ndarray, fraction: float, counted: np.ndarray | None = None
) -> np.ndarray:
    """Return Min-K% of log-probabilities standardised over the vocabulary (Min-K%++), without unit.

    Source: Zhang et al. 2025, arXiv 2404.02936. From each token's log-probability, the mean of the vocabulary's
    log-probabilities at its position is subtracted. The difference is divided by their standard deviation. Both are
    weighted by the model's probabilities. The lowest ``fraction`` is selected after this step, as in ``min_k``. The
    result is [n], or one number for one text.

    Args:
        logits: logits at the position that predicts each token, [n, tokens, vocabulary], or [tokens, vocabulary] for
            one text. Log-probabilities will do, because their softmax is the same.
        tokens: int, the tokens that followed, [n, tokens] or [tokens].
        fraction: share of the tokens, in (0, 1].
        counted: bool, as ``tokens``: the tokens that belong to the text. Default: all.

    Raises:
        ValueError: other shapes, NaN, a token outside the vocabulary, or a bad ``fraction``. Also a counted position at
            which all words are equally likely or one is certain (sd = 0), because the score is then undefined.
    """
    logits, tokens = np.asarray(logits, float), np.asarray(tokens)
    if logits.ndim not in (2, 3) or tokens.shape != logits.shape[:-1] or logits.shape[-1] < 2:
        raise ValueError(
            "need logits [n, tokens, vocabulary of 2 or more] and tokens [n, tokens], or both without n;"
            f" got shapes {logits.shape} and {tokens.shape}"
        )
    if not np.isfinite(logits).all():
        raise ValueError("logits holds NaN or infinite values")
    counted = _which_count(counted, tokens.shape)
    tokens = arrays.labels_of(tokens.ravel(), tokens.size, logits.shape[-1]).reshape(tokens.shape)
    surprise = log_softmax(logits, axis=-1)
    weights = np.exp(surprise)
    mean = (weights * surprise).sum(axis=-1, keepdims=True)
    deviation = np.sqrt((weights * (surprise - mean) ** 2).sum(axis=-1))
    # Words of equal logits differ by rounding errors alone. A small deviation may also mean near certainty.
    constant = (np.ptp(surprise, axis=-1) < 1e-9) | (deviation == 0)
    if (constant & counted).any():
        raise ValueError("the vocabulary's log-probabilities do not vary at a position (sd = 0): need some that do")
    own = np.take_along_axis(surprise, tokens[..., None], axis=-1)[..., 0]
    scores = np.divide(own - mean[..., 0], deviation, out=np.zeros_like(own), where=~constant)
    return _mean_of_lowest(scores, fraction, counted)
