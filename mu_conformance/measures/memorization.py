"""Measure memorization by generative models: how much of a text a model reproduces."""

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
    """Return the share of each text's tokens predicted correctly under teacher forcing, float [n] in [0, 1].

    Source: Tirumala et al. 2022, arXiv 2205.10770.

    Args:
        correct: bool [n, length], whether the model's argmax is the token.
        counted: bool [n, length], the tokens that belong to the text (no padding, no prompt), at least one in each row.

    Raises:
        ValueError: other shapes or dtypes, or a row without tokens.
    """
    correct, counted = _tokens(correct, counted)
    return (correct & counted).sum(axis=1) / counted.sum(axis=1)


def extraction_strength(correct: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """Return 1 - k / T for each text, float [n] in [0, 1].

    Source: Carlini et al. 2021 (arXiv 2012.07805). T is the number of tokens, and k the length of the shortest prefix
    after which greedy decoding reproduces the rest. With 1, the whole text comes from the prompt alone. With 0, not
    even the last token comes. Greedy decoding is exact from k on if and only if every argmax from k on is correct under
    teacher forcing. Arguments and errors are those of ``exact_memorization``.
    """
    correct, counted = _tokens(correct, counted)
    strengths = np.empty(len(correct))
    for row, (right, counts) in enumerate(zip(correct, counted, strict=True)):
        wrong = np.flatnonzero(~right[counts])
        length = int(counts.sum())
        strengths[row] = 1 - (wrong[-1] + 1 if len(wrong) else 0) / length
    return strengths


def truth_ratio(log_true: np.ndarray, log_perturbed: np.ndarray) -> np.ndarray:
    """Return how likely wrong answers are compared with the right one, float [n] > 0.

    Source: TOFU, Maini et al. 2024, arXiv 2401.06121. The ratio is the mean probability of the wrong answers over that
    of the right one. The ratio is near 0 where the fact is known, and near 1 where it is not.

    Args:
        log_true: length-normalised log-probability of the (paraphrased) right answer [n], in nats.
        log_perturbed: the same of m >= 1 wrong answers of the same form [n, m].

    Raises:
        ValueError: other shapes, or values not finite.
    """
    log_true, log_perturbed = np.asarray(log_true, float), np.asarray(log_perturbed, float)
    if log_true.ndim != 1 or log_perturbed.ndim != 2 or len(log_true) != len(log_perturbed) or log_perturbed.size == 0:
        raise ValueError(f"need arrays [n] and [n, m >= 1], got {log_true.shape} and {log_perturbed.shape}")
    if not (np.isfinite(log_true).all() and np.isfinite(log_perturbed).all()):
        raise ValueError("a log-probability is NaN or infinite")
    return np.exp(log_perturbed - log_true[:, None]).mean(axis=1)


def forget_quality(truth_ratios: np.ndarray, reference_truth_ratios: np.ndarray) -> float:
    """Return the p-value of a Kolmogorov-Smirnov test between two models' truth ratios, in [0, 1].

    Source: TOFU, arXiv 2401.06121. The test is two-sided and uses the asymptotic distribution. The value is for
    reporting only, because it depends on n as much as on the distance. D = 0.25 gives 0.14, 5e-6 and 2e-11 at n = m =
    40, 200 and 400. A large p-value does not show equivalence.

    Args:
        truth_ratios: those of a run on the forget rows [n].
        reference_truth_ratios: those of a reference [m].

    Raises:
        ValueError: other shapes, or NaN.
    """
    from scipy.stats import ks_2samp  # Here, because loading it takes half a second, and a run does not need it.

    own = arrays.vector(truth_ratios, "truth_ratios")
    others = arrays.vector(reference_truth_ratios, "reference_truth_ratios")
    return float(ks_2samp(own, others, method="asymp").pvalue)


def privleak(auc: float, reference_auc: float) -> float:
    """Return (``auc`` - ``reference_auc``) / ``reference_auc`` * 100, in per cent, at least -100; 0 is best.

    Source: MUSE, arXiv 2407.06460. The AUC is that of a membership attack, forget rows against rows never seen. The
    paper uses ``membership.min_k``. The reference AUC comes from our own references, never from a constant. Forget rows
    are the positives: above 0 a run still knows them, below 0 it betrays them by over-forgetting. MUSE's own sign is
    the opposite.

    Args:
        auc: AUC of the run, in [0, 1].
        reference_auc: AUC of references, in (0, 1].

    Raises:
        ValueError: an AUC outside its range.
    """
    auc, reference_auc = (
        arrays.number(auc, "auc", 0, 1),
        arrays.number(reference_auc, "reference_auc", 0, 1, above=True),
    )
    return (auc - reference_auc) / reference_auc * 100
