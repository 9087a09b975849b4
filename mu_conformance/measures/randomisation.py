"""Test for any trace of membership in a model, by drawing the memberships again."""

from __future__ import annotations

import dataclasses

import numpy as np

from mu_conformance.measures import arrays

__all__ = ["Randomised", "membership_randomisation"]

DRAWS = 9999
"""Memberships drawn for a test."""
AT_ONCE = 500
"""Draws held in memory together."""


@dataclasses.dataclass(frozen=True)
class Randomised:
    """Holds the result of a randomisation test."""

    aucs: np.ndarray
    """AUC of each row [rows], in [0, 1]."""
    p_value: float
    """p-value of the AUC furthest from 0.5 among all rows."""

    @property
    def worst(self) -> int:
        """Return the row whose AUC is furthest from 0.5."""
        return int(np.abs(self.aucs - 0.5).argmax())


def membership_randomisation(scores: np.ndarray, included: np.ndarray, draws: int = DRAWS, seed: int = 0) -> Randomised:
    """Compare the AUC furthest from 0.5 with those that other memberships would have given.

    If models do not depend on the memberships at all, the actual memberships are as likely as any others (Fisher 1935).
    Steinke et al. 2023 (arXiv 2305.08846) apply this to memberships. Each draw has a worst row. The p-value is the
    share of memberships, the actual ones included, whose worst row is as far from 0.5. The test is exact for any
    distribution of scores, ties, and dependence between rows and models (Phipson & Smyth 2010).

    Args:
        scores: a score of each row under each model [models, rows].
        included: bool [models, rows], the memberships. They must have been drawn row by row, uniformly among those with
            as many models.
        draws: number of new memberships, at least 1.
        seed: seed of the draws.

    Raises:
        ValueError: other shapes, NaN, a row that all models or none were trained on, or ``draws`` below 1.
    """
    from scipy.stats import rankdata

    scores = arrays.matrix(scores, "scores", 2)
    included = np.asarray(included)
    if included.shape != scores.shape or included.dtype != bool:
        raise ValueError(f"included must be bool {list(scores.shape)}, got {included.dtype} {list(included.shape)}")
    if draws < 1:
        raise ValueError(f"draws must be 1 at least, got {draws}")
    models, inside = len(scores), included.sum(axis=0)
    if not ((inside > 0) & (inside < models)).all():
        raise ValueError("each row must be included in some models and not in others")
    ranks = rankdata(scores, axis=0)
    least, pairs = inside * (inside + 1) / 2, inside * (models - inside)
    aucs = ((ranks * included).sum(axis=0) - least) / pairs
    furthest = np.abs(aucs - 0.5).max()

    generator = np.random.default_rng(seed)
    as_far = 0
    # The first places of a random order are a random membership of that many models.
    places = np.arange(models)[:, None] < inside
    for start in range(0, draws, AT_ONCE):
        count = min(AT_ONCE, draws - start)
        drawn = generator.permuted(np.broadcast_to(ranks, (count, *ranks.shape)), axis=1)
        found = ((drawn * places).sum(axis=1) - least) / pairs
        # Equal sums of ranks may differ in the last bit.
        as_far += int((np.abs(found - 0.5).max(axis=1) >= furthest - 1e-12).sum())
    return Randomised(aucs, (1 + as_far) / (1 + draws))
