"""What is left of a model's use, and the scores that put forgetting and use into one number."""

from __future__ import annotations

from typing import Any

import numpy as np

from mu_conformance.measures import arrays
from mu_conformance.measures.membership import auc

__all__ = [
    "expected_calibration_error",
    "knowledge_gap",
    "mu_bench_overall",
    "mu_bench_overall_first",
    "tug_of_war",
]


def _right_or_wrong(values: np.ndarray, name: str) -> np.ndarray:
    values = arrays.vector(values, name)
    if not np.isin(values, (0, 1)).all():
        raise ValueError(f"{name} must say right (1, True) or wrong (0, False) of each row")
    return values


def knowledge_gap(forget_correct: np.ndarray, retain_correct: np.ndarray) -> float:
    """The AUC of retain rows (1) against forget rows (0) by whether the answer is right, in [0, 1].

    MU-Bench (arXiv 2406.14796). ``forget_correct`` [n], ``retain_correct`` [m]: bool, or 0 and 1. It is 0.5 + (retain
    accuracy - forget accuracy) / 2: 0.5 where both are known equally well. ``ValueError``: other shapes or values, no
    rows on one side.
    """
    forget = _right_or_wrong(forget_correct, "forget_correct")
    return auc(_right_or_wrong(retain_correct, "retain_correct"), forget)


def expected_calibration_error(probabilities: np.ndarray, labels: np.ndarray, bins: int = 15) -> float:
    """Mean distance of a model's confidence and its accuracy, in [0, 1] (Guo et al. 2017, arXiv 1706.04599, equation 3).

    ``probabilities`` [n, classes], ``labels`` int [n]. The largest probability of each row falls in one of ``bins``
    intervals (0, 1/bins], (1/bins, 2/bins], ...; the distance of each interval's mean from the share of right answers
    in it counts by its share of the rows. ``ValueError``: other shapes, rows that are no distributions, bad ``bins``.
    """
    probabilities = arrays.probabilities(probabilities, "probabilities")
    labels = arrays.labels_of(labels, *probabilities.shape)
    if arrays.number(bins, "bins", 1) != int(bins):
        raise ValueError(f"bins must be a whole number, got {bins}")
    confidence = probabilities.max(axis=1)
    excess = confidence - (probabilities.argmax(axis=1) == labels)
    # searchsorted against i / bins, since confidence * bins may round across a bin's edge
    places = np.searchsorted(np.arange(1, int(bins)) / int(bins), confidence, "left")
    return float(np.abs(np.bincount(places, excess)).sum() / len(labels))


def tug_of_war(scores: np.ndarray, reference_scores: np.ndarray) -> float:
    """The product over forget, retain and test of 1 - |score - references' mean score|, in [0, 1]; 1 is best.

    ToW: Zhao et al. 2024 (arXiv 2406.01257). ``scores`` [3]: a run's scores, in [0, 1], on forget, retain and test
    rows; ``reference_scores`` [k, 3], or [3] for one reference. ``ValueError``: other shapes or values.
    """
    scores, reference_scores = np.asarray(scores, float), np.asarray(reference_scores, float)
    run = arrays.matrix(scores[None] if scores.ndim == 1 else scores, "scores", columns=3)
    if len(run) != 1:
        raise ValueError(f"scores must be [3], those of one run, got shape {scores.shape}")
    reference_scores = reference_scores[None] if reference_scores.ndim == 1 else reference_scores
    references = arrays.matrix(reference_scores, "reference_scores", columns=3)
    if min(run.min(), references.min()) < 0 or max(run.max(), references.max()) > 1:
        raise ValueError("scores and reference_scores must lie in [0, 1]")
    return float(np.prod(1 - np.abs(run[0] - references.mean(axis=0))))


def _score(value: Any, name: str) -> float:
    return arrays.number(value, name, 0, 1)


def mu_bench_overall(test: float, forget: float, original_test: float, random_forget: float) -> float:
    """MU-Bench's overall score in its later form: the harmonic mean of kept and forgotten, in [0, 1] (arXiv 2406.14796).

    kept = 1 - |``test`` - ``original_test``|, of the scores of run and original on test rows; forgotten =
    1 - |``forget`` - ``random_forget``|, of the scores of run and of an untrained model on forget rows. All scores in
    [0, 1]; 0 where both are 0. As published, and reported only: it asks for random answers on forget rows, which a
    retrained model does not give, and so ranks a collapsed model above exact retraining.
    """
    kept = 1 - abs(_score(test, "test") - _score(original_test, "original_test"))
    forgotten = 1 - abs(_score(forget, "forget") - _score(random_forget, "random_forget"))
    return 2 * kept * forgotten / (kept + forgotten) if kept + forgotten else 0.0


def mu_bench_overall_first(test: float, forget: float) -> float:
    """MU-Bench's overall score as in the paper: (``test`` + 1 - ``forget``) / 2, scores and value in [0, 1].

    The defect is that of ``mu_bench_overall``: on forget rows, lower is better without end.
    """
    return (_score(test, "test") + 1 - _score(forget, "forget")) / 2
