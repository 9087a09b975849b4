"""Measure how far apart the outputs of two models, or of two populations of models, are on the same rows."""

from __future__ import annotations

import numpy as np
from scipy.special import rel_entr

from mu_conformance.measures import arrays

__all__ = ["activation_distance", "jensen_shannon", "klom", "zero_retrain_forgetting"]


def _pair(p: np.ndarray, q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    p = arrays.probabilities(p, "p")
    q = arrays.probabilities(q, "q", p.shape[1])
    if len(p) != len(q):
        raise ValueError(f"p and q must have the same rows, got {len(p)} and {len(q)}")
    return p, q


def jensen_shannon(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Return the Jensen-Shannon divergence of each row in nats, [n] in [0, ln 2] (Lin 1991); one number for one row.

    The value is half of KL(p || m) + KL(q || m), with m the mean of both. Equal rows give 0, and rows that share no
    class give ln 2. A row's value depends on no other row, nor on classes of probability 0.

    Args:
        p: probabilities [n, classes] or [classes].
        q: probabilities of the same shape.

    Raises:
        ValueError: other shapes, NaN, or rows that are no distributions.
    """
    one = np.ndim(p) == 1 and np.ndim(q) == 1
    p, q = _pair(np.atleast_2d(p), np.atleast_2d(q)) if one else _pair(p, q)
    middle = (p + q) / 2
    halves = rel_entr(p, middle).sum(axis=1) + rel_entr(q, middle).sum(axis=1)
    return np.clip(halves / 2, 0, np.log(2))[0 if one else slice(None)]


def zero_retrain_forgetting(p: np.ndarray, q: np.ndarray) -> float:
    """Return 1 - mean Jensen-Shannon divergence, in [1 - ln 2, 1]: MU-Bench's zero-retrain forgetting.

    Sources: MU-Bench (arXiv 2406.14796); Chundawat et al. 2023 (arXiv 2205.08096). A value of 1 means outputs as random
    as an untrained model's. The lowest value of a confident model depends on the number of classes: 0.78 for 2, 0.33
    for 100. Compare the value with that of references.

    Args:
        p: the unlearned model's probabilities on forget rows [n, classes].
        q: probabilities of a model that was never trained [n, classes].

    Raises:
        ValueError: as for ``jensen_shannon``.
    """
    return float(1 - jensen_shannon(p, q).mean())


def activation_distance(p: np.ndarray, q: np.ndarray) -> float:
    """Return the mean over rows of the Euclidean distance of two models' probabilities, in [0, sqrt 2].

    Sources: Golatkar et al. 2021 (arXiv 2012.13431); Chundawat et al. 2023.

    Args:
        p: probabilities of a run on the forget rows [n, classes].
        q: probabilities of a reference on the forget rows [n, classes].

    Raises:
        ValueError: other shapes, NaN, or rows that are no distributions.
    """
    p, q = _pair(p, q)
    return float(np.linalg.norm(p - q, axis=1).mean())


def klom(
    margins: np.ndarray, reference_margins: np.ndarray, bins: int = 20, clip: float = 100.0, floor: float = 1e-5
) -> np.ndarray:
    """Return the KL divergence of margins (KLoM), run || references, in nats, [n], at least 0.

    Source: Georgiev et al. 2024, arXiv 2410.23232. Per row, margins are clipped and counted in equal bins. The bins
    span both populations from the smallest margin to the largest, both ends included. The references' share of a bin
    that the runs fall in counts as at least ``floor``. The value is therefore at most ln(1 / ``floor``), which means no
    bin in common. For the default floor this is 11.5.

    The value falls with the number of models and depends on ``bins``. Compare it with that of references against other
    references.

    Args:
        margins: logit-scaled confidences of each row under j runs [j, n], j >= 2.
        reference_margins: the same under k models that never saw the forget set [k, n], k >= 2.
        bins: number of bins, at least 1.
        clip: largest absolute margin, above 0.
        floor: smallest share of a bin, in (0, 1].

    Raises:
        ValueError: other shapes, NaN, fewer than two models on a side, or bad ``bins``, ``clip`` or ``floor``.
    """
    margins = arrays.matrix(margins, "margins", rows=2)
    reference_margins = arrays.matrix(reference_margins, "reference_margins", rows=2, columns=margins.shape[1])
    if arrays.number(bins, "bins", 1) != int(bins):
        raise ValueError(f"bins must be a whole number, got {bins}")
    clip, floor = arrays.number(clip, "clip", 0, above=True), arrays.number(floor, "floor", 0, 1, above=True)

    found = np.empty(margins.shape[1])
    for row, (own, others) in enumerate(
        zip(margins.T.clip(-clip, clip), reference_margins.T.clip(-clip, clip), strict=True)
    ):
        edges = np.histogram_bin_edges(np.concatenate([own, others]), int(bins))
        p, q = (np.histogram(side, edges)[0] / len(side) for side in (own, others))
        found[row] = rel_entr(p, np.maximum(q, floor)).sum()
    # The floored shares may add up to a little more than 1, so that the sum falls a little below 0.
    return np.maximum(found, 0.0)
