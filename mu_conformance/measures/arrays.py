"""Check the arrays passed to measures: shape, range, nothing missing. Each error says in one line what is needed."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["labels_of", "matrix", "number", "probabilities", "vector"]

NORMALISED = 1e-3
"""How far a row of probabilities may sum from 1.

Softmaxes in float16 pass; logits and unnormalised scores do not.
"""


def _finite(values: np.ndarray, name: str) -> np.ndarray:
    if not np.isfinite(values).all():
        raise ValueError(f"{name} holds NaN or infinite values")
    return values


def vector(values: Any, name: str) -> np.ndarray:
    """Return ``values`` as a finite float array [n], n > 0.

    Raises:
        ValueError: another shape, NaN or infinite values.
    """
    values = np.asarray(values, float)
    if values.ndim != 1 or len(values) == 0:
        raise ValueError(f"{name} must be a non-empty one-dimensional array, got shape {values.shape}")
    return _finite(values, name)


def matrix(values: Any, name: str, rows: int = 1, columns: int | None = None) -> np.ndarray:
    """Return ``values`` as a finite float array [k, n].

    Args:
        values: anything that numpy turns into an array.
        name: name of the array in errors.
        rows: smallest k.
        columns: n; None for any number above 0.

    Raises:
        ValueError: another shape, NaN or infinite values.
    """
    values = np.asarray(values, float)
    if values.ndim != 2 or len(values) < rows or values.size == 0 or columns not in (None, values.shape[1]):
        wanted = f"[k >= {rows}, {'n > 0' if columns is None else columns}]"
        raise ValueError(f"{name} must be {wanted}, got shape {values.shape}")
    return _finite(values, name)


def number(value: Any, name: str, low: float = -np.inf, high: float = np.inf, above: bool = False) -> float:
    """Return ``value`` as a finite float in [low, high], or in (low, high] with ``above``.

    Raises:
        ValueError: not one number, not finite, or outside the range.
    """
    if np.ndim(value) != 0:
        raise ValueError(f"{name} must be one number, got shape {np.shape(value)}")
    value = float(value)
    if not (np.isfinite(value) and low <= value <= high) or (above and value == low):
        raise ValueError(f"{name} must be finite and lie in {'(' if above else '['}{low}, {high}], got {value}")
    return value


def probabilities(values: Any, name: str, classes: int | None = None) -> np.ndarray:
    """Return ``values`` as a float array [n, classes], n > 0, with each row rescaled to sum 1.

    Args:
        values: anything that numpy turns into an array; each row a distribution, to within ``NORMALISED``.
        name: name of the array in errors.
        classes: number of classes, at least 2; None for any.

    Raises:
        ValueError: another shape, NaN or infinite values, or rows that are no distributions.
    """
    values = matrix(values, name, columns=classes)
    if values.shape[1] < 2:
        raise ValueError(f"{name} must have at least two classes, got shape {values.shape}")
    sums = values.sum(axis=1, keepdims=True)
    if values.min() < 0 or np.abs(sums - 1).max() > NORMALISED:
        raise ValueError(f"{name} must be probabilities: no value below 0, each row's sum 1")
    return values / sums


def labels_of(values: Any, rows: int, classes: int) -> np.ndarray:
    """Return ``values`` as an int array [rows], each in 0..classes - 1.

    Raises:
        ValueError: another shape, or a label outside the range.
    """
    values = np.asarray(values)
    if values.shape != (rows,):
        raise ValueError(f"labels must be [{rows}], one for each row, got shape {values.shape}")
    if not np.isin(values, np.arange(classes)).all():
        raise ValueError(f"a label lies outside 0..{classes - 1}")
    return values.astype(int)
