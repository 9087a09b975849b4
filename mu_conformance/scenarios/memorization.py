"""Which training rows are memorized: fitted by models that were trained on them, and not by those that were not.

Feldman & Zhang 2020 (arXiv 2008.03703): the memorization of a row is the difference in the probability of its label
between models trained with and without it. Estimated on models trained on random halves, each row being in exactly half
of them.
"""

from __future__ import annotations

import numpy as np

from mu_conformance.protocol.seeding import derive_seed

__all__ = ["MODELS", "estimates", "halves"]

MODELS = 8


def halves(rows: int, seed: int) -> np.ndarray:
    """Which rows each model is trained on, bool [MODELS, rows]: pairs of complementary random halves."""
    rng = np.random.RandomState(derive_seed(seed, "halves"))
    members = np.zeros((MODELS, rows), dtype=bool)
    for pair in range(MODELS // 2):
        members[2 * pair, rng.permutation(rows)[: rows // 2]] = True
        members[2 * pair + 1] = ~members[2 * pair]
    return members


def estimates(probabilities: np.ndarray, members: np.ndarray) -> np.ndarray:
    """Memorization of each row, float [n] in [-1, 1].

    ``probabilities`` [models, n] of the rows' labels in [0, 1]; ``members`` bool [models, n], no row in all models or
    in none (``ValueError``).
    """
    probabilities, members = np.asarray(probabilities, float), np.asarray(members, bool)
    if probabilities.ndim != 2 or probabilities.shape != members.shape:
        raise ValueError(f"need two arrays [models, n], got {probabilities.shape} and {members.shape}")
    if members.all(axis=0).any() or (~members).all(axis=0).any():
        raise ValueError("each row must be in some of the models and not in others")
    inside = (probabilities * members).sum(axis=0) / members.sum(axis=0)
    outside = (probabilities * ~members).sum(axis=0) / (~members).sum(axis=0)
    return inside - outside
