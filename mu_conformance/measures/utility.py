"""Measure a model's remaining utility, and combine forgetting and utility into one score."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

from mu_conformance.measures import arrays
from mu_conformance.measures.membership import auc

__all__ = [
    "at_temperature",
    "expected_calibration_error",
    "fitted_temperature",
    "knowledge_gap",
    "mu_bench_overall",
    "mu_bench_overall_first",
    "tug_of_war",
]


_LEAST_PROBABILITY = 1e-12
"""Probability below which none is told apart from 0, so that its log is finite."""


def _right_or_wrong(values: np.ndarray, name: str) -> np.ndarray:
    values = arrays.vector(values, name)
    if not np.isin(values, (0, 1)).all():
        raise ValueError(f"{name} must say right (1, True) or wrong (0, False) of each row")
    return values


def knowledge_gap(forget_correct: np.ndarray, retain_correct: np.ndarray) -> float:
    """Return the AUC of retain rows (1) against forget rows (0) by whether the answer is right, in [0, 1].

    Source: MU-Bench (arXiv 2406.14796). The value equals 0.5 + (retain accuracy - forget accuracy) / 2. Equal
    accuracies give 0.5.

    Args:
        forget_correct: whether each forget row is right [n], bool or 0 and 1.
        retain_correct: whether each retain row is right [m], bool or 0 and 1.

    Raises:
        ValueError: other shapes or values, or no rows on one side.
    """
    forget = _right_or_wrong(forget_correct, "forget_correct")
    return auc(_right_or_wrong(retain_correct, "retain_correct"), forget)


def expected_calibration_error(probabilities: np.ndarray, labels: np.ndarray, bins: int = 15) -> float:
    """Return the mean distance between a model's confidence and its accuracy, in [0, 1].

    Source: Guo et al. 2017, arXiv 1706.04599, equation 3. A row's confidence is its largest probability. Confidences
    are sorted into the intervals (0, 1/bins], (1/bins, 2/bins], and so on. In each interval the distance is that of the
    mean confidence from the share of right answers. Intervals are weighted by their share of the rows.

    Args:
        probabilities: [n, classes].
        labels: int [n].
        bins: number of intervals, at least 1.

    Raises:
        ValueError: other shapes, rows that are no distributions, or bad ``bins``.
    """
    probabilities = arrays.probabilities(probabilities, "probabilities")
    labels = arrays.labels_of(labels, *probabilities.shape)
    if arrays.number(bins, "bins", 1) != int(bins):
        raise ValueError(f"bins must be a whole number, got {bins}")
    confidence = probabilities.max(axis=1)
    excess = confidence - (probabilities.argmax(axis=1) == labels)
    # Searchsorted against i / bins, because confidence * bins may round across a bin's edge.
    places = np.searchsorted(np.arange(1, int(bins)) / int(bins), confidence, "left")
    return float(np.abs(np.bincount(places, excess)).sum() / len(labels))


def fitted_temperature(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Return the temperature at which probabilities have the smallest cross-entropy, in (0.01, 100).

    Source: Guo et al. 2017, arXiv 1706.04599, section 4.2. Log-probabilities are divided by it.

    Args:
        probabilities: [n, classes].
        labels: int [n].

    Raises:
        ValueError: other shapes, or rows that are no distributions.
    """
    probabilities = arrays.probabilities(probabilities, "probabilities")
    labels = arrays.labels_of(labels, *probabilities.shape)
    logs = np.log(np.maximum(probabilities, _LEAST_PROBABILITY))
    rows = np.arange(len(labels))

    def cross_entropy(log_temperature: float) -> float:
        return -float(log_softmax(logs / math.exp(log_temperature), axis=1)[rows, labels].mean())

    bound = math.log(100)
    return math.exp(minimize_scalar(cross_entropy, bounds=(-bound, bound), method="bounded").x)


def at_temperature(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Return probabilities with their logarithms divided by a temperature, [n, classes].

    Args:
        probabilities: [n, classes].
        temperature: above 0.
    """
    probabilities = arrays.probabilities(probabilities, "probabilities")
    temperature = arrays.number(temperature, "temperature", 0, above=True)
    return softmax(np.log(np.maximum(probabilities, _LEAST_PROBABILITY)) / temperature, axis=1)


def tug_of_war(scores: np.ndarray, reference_scores: np.ndarray) -> float:
    """Return the product over forget, retain and test of 1 - |score - references' mean score|, in [0, 1]; 1 is best.

    Source: ToW, Zhao et al. 2024 (arXiv 2406.01257).

    Args:
        scores: a run's scores on forget, retain and test rows [3], in [0, 1].
        reference_scores: the same of k references [k, 3], or [3] for one reference.

    Raises:
        ValueError: other shapes or values.
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
    """Return MU-Bench's overall score in its later form: the harmonic mean of kept and forgotten, in [0, 1].

    Source: arXiv 2406.14796. kept = 1 - |``test`` - ``original_test``|, and forgotten = 1 - |``forget`` -
    ``random_forget``|. The value is 0 where both are 0. The score is as published, and for reporting only. On forget
    rows it rewards random answers, which a retrained model does not give. A collapsed model therefore ranks above exact
    retraining.

    Args:
        test: the run's score on test rows, in [0, 1].
        forget: the run's score on forget rows, in [0, 1].
        original_test: the original's score on test rows, in [0, 1].
        random_forget: an untrained model's score on forget rows, in [0, 1].
    """
    kept = 1 - abs(_score(test, "test") - _score(original_test, "original_test"))
    forgotten = 1 - abs(_score(forget, "forget") - _score(random_forget, "random_forget"))
    return 2 * kept * forgotten / (kept + forgotten) if kept + forgotten else 0.0


def mu_bench_overall_first(test: float, forget: float) -> float:
    """Return MU-Bench's overall score as in the paper: (``test`` + 1 - ``forget``) / 2, in [0, 1].

    The score has the defect of ``mu_bench_overall``: on forget rows, lower is better without end.

    Args:
        test: the run's score on test rows, in [0, 1].
        forget: the run's score on forget rows, in [0, 1].
    """
    return (_score(test, "test") + 1 - _score(forget, "forget")) / 2
