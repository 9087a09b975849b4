"""Memorization by generative models: how much of a text a model reproduces."""

from __future__ import annotations

import numpy as np

from mu_conformance.measures import arrays

__all__ = ["exact_memorization", "extraction_strength", "forget_quality", "privleak", "truth_ratio"]


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


def forget_quality(truth_ratios: np.ndarray, reference_truth_ratios: np.ndarray) -> float:
    """The p-value of a Kolmogorov-Smirnov test between two models' truth ratios, in [0, 1] (TOFU: arXiv 2401.06121).

    ``truth_ratios`` [n] of a run on the forget rows, ``reference_truth_ratios`` [m] of a reference; two-sided, from the
    asymptotic distribution. To be reported only: it depends on n as much as on the distance (D = 0.25 gives 0.14, 5e-6,
    2e-11 at n = m = 40, 200, 400), and a large one shows no equivalence. ``ValueError``: other shapes, NaN.
    """
    from scipy.stats import ks_2samp  # loading it takes half a second, which a run need not pay

    own = arrays.vector(truth_ratios, "truth_ratios")
    others = arrays.vector(reference_truth_ratios, "reference_truth_ratios")
    return float(ks_2samp(own, others, method="asymp").pvalue)


def privleak(auc: float, reference_auc: float) -> float:
    """(``auc`` - ``reference_auc``) / ``reference_auc`` * 100, in per cent, >= -100; 0 is best (MUSE: arXiv 2407.06460).

    AUC of a membership attack (in the paper ``membership.min_k``), forget rows against rows never seen, for a run and
    for references of ours, never a constant. With forget rows as the positives, above 0 a run still knows them, below 0
    it betrays them by over-forgetting (MUSE's own sign is the other way round). ``ValueError``: an AUC
    outside [0, 1], a reference's of 0.
    """
    auc, reference_auc = (
        arrays.number(auc, "auc", 0, 1),
        arrays.number(reference_auc, "reference_auc", 0, 1, above=True),
    )
    return (auc - reference_auc) / reference_auc * 100
