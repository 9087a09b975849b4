"""Whether which rows a model was trained on leaves any trace in it: a test by drawing the memberships again."""

from __future__ import annotations

import dataclasses

import numpy as np

from mu_conformance.measures import arrays

__all__ = ["Randomised", "membership_randomisation"]

DRAWS = 9999
AT_ONCE = 500
"""Draws that are held in memory together."""


@dataclasses.dataclass(frozen=True)
class Randomised:
    """``aucs`` [rows] in [0, 1], and the p-value of the one furthest from 0.5 among them all."""

    aucs: np.ndarray
    p_value: float

    @property
    def worst(self) -> int:
        """The row whose AUC is furthest from 0.5."""
        return int(np.abs(self.aucs - 0.5).argmax())


def membership_randomisation(scores: np.ndarray, included: np.ndarray, draws: int = DRAWS, seed: int = 0) -> Randomised:
    """How far from 0.5 the AUC of the worst row lies, beside what other memberships would have given.

    ``scores`` [models, rows]: a score of each row under each model. ``included`` [models, rows], bool: the memberships,
    which were drawn row by row, each row's from all that have as many models. Where models do not depend on them at
    all, the drawn ones are as likely as any others (Fisher 1935; with memberships, Steinke et al. 2023, arXiv
    2305.08846). So the share of memberships, the actual ones and ``draws`` new ones together, whose worst row is as far
    from 0.5 is a p-value: exact, whatever the scores' distributions, ties and dependence between rows and models
    (Phipson & Smyth 2010).

    ``ValueError``: other shapes, NaN, a row that all models or none were trained on, ``draws`` below 1.
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
    # the first places of a random order are a random membership of that many models
    places = np.arange(models)[:, None] < inside
    for start in range(0, draws, AT_ONCE):
        count = min(AT_ONCE, draws - start)
        drawn = generator.permuted(np.broadcast_to(ranks, (count, *ranks.shape)), axis=1)
        found = ((drawn * places).sum(axis=1) - least) / pairs
        # equal sums of ranks may differ in the last bit
        as_far += int((np.abs(found - 0.5).max(axis=1) >= furthest - 1e-12).sum())
    return Randomised(aucs, (1 + as_far) / (1 + draws))
