"""Memorization by generative models: how much of a text a model reproduces."""

from __future__ import annotations

import numpy as np

__all__ = ["exact_memorization", "extraction_strength", "truth_ratio"]


def _tokens(correct: np.ndarray, counted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    correct, counted = np.asarray(correct), np.asarray(counted)
    if correct.ndim != 2 or correct.shape != counted.shape or correct.size == 0:
        raise ValueError(f"need two arrays [rows, tokens], not empty; got {correct.shape} and {counted.shape}")
    if correct.dtype != bool or counted.dtype != bool:
        raise ValueError("need arrays of bool")
    if not counted.any(axis=1).all():
        raise ValueError("a row has no token that counts")
    return correct, counted


def exact_memorization(correct: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """Share of each text's tokens that the model's argmax gets right under teacher forcing, float [n] in [0, 1].

    ``correct`` bool [n, length]; ``counted`` bool [n, length] marks the tokens that belong to the text (no padding, no
    prompt), at least one a row (Tirumala et al. 2022, arXiv 2205.10770). ``ValueError`` on other input.
    """
    correct, counted = _tokens(correct, counted)
    return (correct & counted).sum(axis=1) / counted.sum(axis=1)


def extraction_strength(correct: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """1 - k / T: k is the shortest prefix after which greedy decoding reproduces the rest of T tokens, float [n] in [0, 1].

    Carlini et al. 2021 (arXiv 2012.07805). 1: the whole text comes from the prompt alone; 0: not even the last token
    comes. Greedy decoding is exact from k on if and only if every argmax from k on is right under teacher forcing.
    Arguments as for ``exact_memorization``.
    """
    correct, counted = _tokens(correct, counted)
    strengths = np.empty(len(correct))
    for row, (right, counts) in enumerate(zip(correct, counted, strict=True)):
        wrong = np.flatnonzero(~right[counts])
        length = int(counts.sum())
        strengths[row] = 1 - (wrong[-1] + 1 if len(wrong) else 0) / length
    return strengths


def truth_ratio(log_true: np.ndarray, log_perturbed: np.ndarray) -> np.ndarray:
    """How likely wrong answers are, compared with the right one, float [n] > 0 (TOFU: Maini et al. 2024, arXiv 2401.06121).

    ``log_true`` [n]: length-normalised log-probability of the (paraphrased) right answer, in nats. ``log_perturbed``
    [n, m], m >= 1: of wrong answers of the same form. The mean probability of the wrong answers over that of the right
    one: near 0 where the fact is known, near 1 where it is not. ``ValueError`` on other shapes or values not finite.
    """
    log_true, log_perturbed = np.asarray(log_true, float), np.asarray(log_perturbed, float)
    if log_true.ndim != 1 or log_perturbed.ndim != 2 or len(log_true) != len(log_perturbed) or log_perturbed.size == 0:
        raise ValueError(f"need arrays [n] and [n, m >= 1], got {log_true.shape} and {log_perturbed.shape}")
    if not (np.isfinite(log_true).all() and np.isfinite(log_perturbed).all()):
        raise ValueError("a log-probability is NaN or infinite")
    return np.exp(log_perturbed - log_true[:, None]).mean(axis=1)
