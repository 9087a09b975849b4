"""How alike two models represent the same rows."""

from __future__ import annotations

import numpy as np

from mu_conformance.measures import arrays

__all__ = ["linear_cka"]


def linear_cka(x: np.ndarray, y: np.ndarray) -> float:
    """Linear centred kernel alignment, in [0, 1]; 1: equal up to rotation, reflection, shift and one scale.

    Kornblith et al. 2019 (arXiv 1905.00414), form of features: ||Yc' Xc||^2 / (||Xc' Xc|| ||Yc' Yc||), Frobenius norms,
    c: minus the mean over rows. ``x`` [n, d], ``y`` [n, e], n >= 2: features of the same rows in two models. With no
    more rows than features it is near 1 for any two models. ``ValueError``: other shapes, NaN, features that are the
    same on all rows.
    """
    x, y = arrays.matrix(x, "x", rows=2), arrays.matrix(y, "y", rows=2)
    if len(x) != len(y):
        raise ValueError(f"x and y must have the same rows, got {len(x)} and {len(y)}")
    x, y = _centred(x, "x"), _centred(y, "y")
    shared = float(np.linalg.norm(y.T @ x)) ** 2
    return min(shared / float(np.linalg.norm(x.T @ x) * np.linalg.norm(y.T @ y)), 1.0)


def _centred(features: np.ndarray, name: str) -> np.ndarray:
    """Minus the mean over rows, scaled to norm 1, which changes no alignment and cannot overflow."""
    largest = np.abs(features).max()
    scaled = features / largest if largest else features
    scaled = scaled - scaled.mean(axis=0)
    norm = np.linalg.norm(scaled)
    # what centring leaves of equal rows are rounding errors
    if norm <= 1e-12 * np.sqrt(scaled.size):
        raise ValueError(f"{name} is the same on all rows: need features that vary")
    return scaled / norm
