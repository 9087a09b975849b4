"""Estimate how much each training row is memorized: fitted only by models that were trained on it.

A row's memorization is the difference in its label's probability between models trained with and without it (Feldman &
Zhang 2020, arXiv 2008.03703). The models are trained on random halves, and each row is in exactly half of them.
"""

from __future__ import annotations

import numpy as np

from mu_conformance.protocol.seeding import derive_seed

__all__ = ["MODELS", "estimates", "halves"]

MODELS = 8
"""Number of models trained on random halves."""


def halves(rows: int, seed: int) -> np.ndarray:
    """Return the rows on which each model is trained, bool [MODELS, rows]: pairs of complementary random halves."""
    rng = np.random.RandomState(derive_seed(seed, "halves"))
    members = np.zeros((MODELS, rows), dtype=bool)
    for pair in range(MODELS // 2):
        members[2 * pair, rng.permutation(rows)[: rows // 2]] = True
        members[2 * pair + 1] = ~members[2 * pair]
    return members


def estimates(probabilities: np.ndarray, members: np.ndarray) -> np.ndarray:
    """Return the memorization of each row, float [n] in [-1, 1].

    Raises ``ValueError`` for other shapes, or if a row is in all models or in none.

    Args:
        probabilities: probability of each row's label, float [models, n] in [0, 1].
        members: True where a row was trained on, bool [models, n].
    """
    probabilities, members = np.asarray(probabilities, float), np.asarray(members, bool)
    if probabilities.ndim != 2 or probabilities.shape != members.shape:
        raise ValueError(f"need two arrays [models, n], got {probabilities.shape} and {members.shape}")
    if members.all(axis=0).any() or (~members).all(axis=0).any():
        raise ValueError("each row must be in some of the models and not in others")
    inside = (probabilities * members).sum(axis=0) / members.sum(axis=0)
    outside = (probabilities * ~members).sum(axis=0) / (~members).sum(axis=0)
    return inside - outside
