"""Measure how similarly two models represent the same rows."""

from __future__ import annotations

import numpy as np

from mu_conformance.measures import arrays

__all__ = ["linear_cka"]


def linear_cka(x: np.ndarray, y: np.ndarray) -> float:
    """Return the linear centred kernel alignment, in [0, 1]; 1 means equal up to rotation, reflection, shift and one
    scale.

    Source: Kornblith et al. 2019 (arXiv 1905.00414), form of features: ||Yc' Xc||^2 / (||Xc' Xc|| ||Yc' Yc||). Norms
    are Frobenius norms, and c means less the mean over rows. With no more rows than features, any two models give a
    value near 1.

    Args:
        x: features of n >= 2 rows in one model [n, d].
        y: features of the same rows in the other model [n, e].

    Raises:
        ValueError: other shapes, NaN, or features that are the same on all rows.
    """
    x, y = arrays.matrix(x, "x", rows=2), arrays.matrix(y, "y", rows=2)
    if len(x) != len(y):
        raise ValueError(f"x and y must have the same rows, got {len(x)} and {len(y)}")
    x, y = _centred(x, "x"), _centred(y, "y")
    shared = float(np.linalg.norm(y.T @ x)) ** 2
    return min(shared / float(np.linalg.norm(x.T @ x) * np.linalg.norm(y.T @ y)), 1.0)


def _centred(features: np.ndarray, name: str) -> np.ndarray:
    """Return the features less their mean over rows, scaled to norm 1.

    Scaling changes no alignment, and cannot overflow.
    """
    largest = np.abs(features).max()
    scaled = features / largest if largest else features
    scaled = scaled - scaled.mean(axis=0)
    norm = np.linalg.norm(scaled)
    # Centring leaves only rounding errors of equal rows.
    if norm <= 1e-12 * np.sqrt(scaled.size):
        raise ValueError(f"{name} is the same on all rows: need features that vary")
    return scaled / norm
