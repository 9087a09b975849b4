"""Compute quantities per row from a classifier's logits, for use by the other measures.

Logits are [n, classes] and labels int [n]. Each function raises ``ValueError`` for other shapes, no rows, NaN or
infinite values.
"""

from __future__ import annotations

import numpy as np
from scipy.special import log_softmax, logsumexp

from mu_conformance.measures import arrays

__all__ = ["accuracy", "correct", "cross_entropy", "largest_prediction_share", "logit_scaled_confidence"]


def _check(logits: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    logits, labels = np.asarray(logits, float), np.asarray(labels)
    if logits.ndim != 2 or labels.shape != logits.shape[:1] or len(labels) == 0:
        raise ValueError(f"need logits [n, classes] and labels [n], n > 0; got {logits.shape} and {labels.shape}")
    if logits.shape[1] < 2:
        raise ValueError("need at least two classes")
    if not np.isfinite(logits).all():
        raise ValueError("logits hold NaN or infinite values")
    return logits, arrays.labels_of(labels, *logits.shape)


def cross_entropy(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return each row's loss in nats, float [n], at least 0."""
    logits, labels = _check(logits, labels)
    return -log_softmax(logits, axis=1)[np.arange(len(labels)), labels]


def correct(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return for each row whether the largest logit is that of its label, bool [n]."""
    logits, labels = _check(logits, labels)
    return logits.argmax(1) == labels


def accuracy(logits: np.ndarray, labels: np.ndarray) -> float:
    """Return the share of rows predicted correctly, in [0, 1]."""
    return float(correct(logits, labels).mean())


def logit_scaled_confidence(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return log(p_y / (1 - p_y)) = z_y - logsumexp of the other logits, float [n].

    Source: Carlini et al. 2022, section V-A.
    """
    logits, labels = _check(logits, labels)
    rows = np.arange(len(labels))
    others = logits.copy()
    others[rows, labels] = -np.inf
    return logits[rows, labels] - logsumexp(others, axis=1)


def largest_prediction_share(logits: np.ndarray) -> float:
    """Return the share of rows that get the most predicted class, in [1/classes, 1]; 1 for a collapsed model."""
    logits = np.asarray(logits, float)
    if logits.ndim != 2 or len(logits) == 0 or not np.isfinite(logits).all():
        raise ValueError(f"need finite logits [n, classes], n > 0; got {logits.shape}")
    return float(np.bincount(logits.argmax(1), minlength=logits.shape[1]).max() / len(logits))
