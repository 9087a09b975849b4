"""What every measure asks of its arrays: shape, range, nothing missing. Each error says in one line what is needed."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["labels_of", "matrix", "number", "probabilities", "vector"]

NORMALISED = 1e-3
"""How far a row of probabilities may sum from 1: float16 softmaxes pass, logits and unnormalised scores do not."""


def _finite(values: np.ndarray, name: str) -> np.ndarray:
    if not np.isfinite(values).all():
        raise ValueError(f"{name} holds NaN or infinite values")
    return values


def vector(values: Any, name: str) -> np.ndarray:
    """``values`` as float [n], n > 0, finite."""
    values = np.asarray(values, float)
    if values.ndim != 1 or len(values) == 0:
        raise ValueError(f"{name} must be a non-empty one-dimensional array, got shape {values.shape}")
    return _finite(values, name)


def matrix(values: Any, name: str, rows: int = 1, columns: int | None = None) -> np.ndarray:
    """``values`` as float [k >= ``rows``, ``columns``], finite; without ``columns``, any number of them but 0."""
    values = np.asarray(values, float)
    if values.ndim != 2 or len(values) < rows or values.size == 0 or columns not in (None, values.shape[1]):
        wanted = f"[k >= {rows}, {'n > 0' if columns is None else columns}]"
        raise ValueError(f"{name} must be {wanted}, got shape {values.shape}")
    return _finite(values, name)


def number(value: Any, name: str, low: float = -np.inf, high: float = np.inf, above: bool = False) -> float:
    """``value`` as a finite float in [low, high]; ``above``: in (low, high]."""
    if np.ndim(value) != 0:
        raise ValueError(f"{name} must be one number, got shape {np.shape(value)}")
    value = float(value)
    if not (np.isfinite(value) and low <= value <= high) or (above and value == low):
        raise ValueError(f"{name} must be finite and lie in {'(' if above else '['}{low}, {high}], got {value}")
    return value


def probabilities(values: Any, name: str, classes: int | None = None) -> np.ndarray:
    """``values`` as float [n, classes >= 2], n > 0, each row a distribution, rescaled so that its sum is 1."""
    values = matrix(values, name, columns=classes)
    if values.shape[1] < 2:
        raise ValueError(f"{name} must have at least two classes, got shape {values.shape}")
    sums = values.sum(axis=1, keepdims=True)
    if values.min() < 0 or np.abs(sums - 1).max() > NORMALISED:
        raise ValueError(f"{name} must be probabilities: no value below 0, each row's sum 1")
    return values / sums


def labels_of(values: Any, rows: int, classes: int) -> np.ndarray:
    """``values`` as int [rows], each in 0..classes - 1."""
    values = np.asarray(values)
    if values.shape != (rows,):
        raise ValueError(f"labels must be [{rows}], one for each row, got shape {values.shape}")
    if not np.isin(values, np.arange(classes)).all():
        raise ValueError(f"a label lies outside 0..{classes - 1}")
    return values.astype(int)
