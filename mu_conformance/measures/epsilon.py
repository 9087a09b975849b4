"""Bound from below the epsilon of (epsilon, delta)-unlearning, for one row, from the scores of many models."""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq
from scipy.special import betainccinv, rel_entr

from mu_conformance.measures import arrays

__all__ = ["epsilon_from_auc", "epsilon_lower_bound", "largest_resolvable_epsilon"]


def _rate_at_most(errors: np.ndarray, trials: int, tail: float) -> np.ndarray:
    """Return Clopper and Pearson's one-sided upper bound on an error rate (1934), exceeded with probability <=
    ``tail``.
    """
    errors = np.minimum(errors, trials)
    return np.where(errors < trials, betainccinv(errors + 1, np.maximum(trials - errors, 1), tail), 1.0)


def _tails(positives: int, negatives: int, confidence: float) -> tuple[float, float]:
    """Return the error probability of each bound for a single threshold, and of each bound for a pair of thresholds.

    Half of 1 - ``confidence`` goes to each kind, shared equally (Bonferroni). A threshold can split n sorted scores in
    n ways that matter, above or below: 2 n bounds. A pair can enclose n (n + 1) / 2 runs of scores, inside or outside.
    """
    single = 2 * positives + 2 * negatives
    double = positives * (positives + 1) + negatives * (negatives + 1)
    return (1 - confidence) / 2 / single, (1 - confidence) / 2 / double


def _epsilon(false_positive: np.ndarray, false_negative: np.ndarray, delta: float) -> np.ndarray:
    """Return max{ln(1 - delta - FPR) - ln FNR, ln(1 - delta - FNR) - ln FPR}, at least 0, for rates above 0."""
    power = np.maximum(
        (1 - delta - false_positive) / false_negative,
        (1 - delta - false_negative) / false_positive,
    )
    return np.log(np.maximum(power, 1.0))


def _one_row(positives: np.ndarray, negatives: np.ndarray, delta: float, confidence: float) -> float:
    n, m = len(positives), len(negatives)
    values = np.unique(np.concatenate([positives, negatives]))
    # Count the scores at or below the i-th gap between distinct values, with the gaps at both ends included.
    below = [np.concatenate([[0], np.searchsorted(np.sort(x), values, "right")]) for x in (positives, negatives)]
    single, double = _tails(n, m, confidence)

    # One threshold: claim "positive" above the gap, or below it.
    p, q = below
    best = np.maximum(
        _epsilon(_rate_at_most(m - q, m, single), _rate_at_most(p, n, single), delta),
        _epsilon(_rate_at_most(q, m, single), _rate_at_most(n - p, n, single), delta),
    ).max()

    # Two thresholds: claim "positive" between two gaps, or outside. Outside, one more score counts (see Guarantee).
    inside = np.arange(max(n, m) + 1)
    within = [_rate_at_most(inside[: k + 1], k, double) for k in (n, m)]
    outside = [_rate_at_most(k - inside[: k + 1] + 1, k, double) for k in (n, m)]
    for low in range(1, len(values)):
        p, q = (b[low + 1 :] - b[low] for b in below)
        for claimed, left in ((within, outside), (outside, within)):
            best = max(best, _epsilon(claimed[1][q], left[0][p], delta).max(initial=0.0))
    return float(best)


def epsilon_lower_bound(
    positives: np.ndarray, negatives: np.ndarray, delta: float = 0.0, confidence: float = 0.95
) -> np.ndarray:
    """Return a lower confidence bound on the epsilon of each row's unlearning, in nats, [rows], at least 0.

    Unlearning is (epsilon, delta) if no rule that calls a score "positive" has 1 - FNR > exp(epsilon) FPR + delta, nor
    the other way round. So each rule gives epsilon >= max{ln(1 - delta - FPR) - ln FNR, ln(1 - delta - FNR) - ln FPR}.
    Both rates are replaced by Clopper-Pearson upper bounds. The value is the largest over all rules with one or two
    thresholds, in both directions.

    Sources: Jagielski et al. 2020 (arXiv 2006.07709); Nasr et al. 2023 (arXiv 2302.07956); Triantafillou et al. 2024
    (arXiv 2406.09073), whose estimate has no confidence.

    **Guarantee**: for each row alone, the value exceeds the true epsilon with probability at most 1 - ``confidence``.
    This holds for any distributions, ties included, and although the thresholds are set at the same scores. The reason
    is that the n scores can be seen as quantiles of a uniform variable. The share between the i-th and j-th smallest
    score is then distributed as Beta(j - i, n + 1 - j + i), for any population. The Clopper-Pearson bounds are
    quantiles of this distribution. Above any threshold with k scores above it lies at most the share above
    the (k+1)-th largest score. Between two thresholds lies at least the share between the outermost enclosed scores, so
    one more score counts as lying outside. There are finitely many i and j. The error probability is shared out over
    them (``_tails``), and they cover every threshold at once.

    A few models can show little: see ``largest_resolvable_epsilon``.

    Args:
        positives: scores of the row under n models that were trained on it and then unlearned it. The shape is [n,
            rows], or [n] for one row, which gives one number.
        negatives: scores of the row under m models that never saw it, [m, rows] or [m]. All models are independent.
        delta: delta of the claim, in [0, 1).
        confidence: confidence of the bound, in (0, 1).

    Raises:
        ValueError: other shapes, NaN, no model on one side, or a level outside its range.
    """
    delta, confidence = _levels(delta, confidence)
    first, second, shape = _both_sides(positives, negatives)
    found = [_one_row(p, q, delta, confidence) for p, q in zip(first.T, second.T, strict=True)]
    return np.array(found).reshape(shape)[()]


def epsilon_from_auc(
    positives: np.ndarray, negatives: np.ndarray, delta: float = 0.0, confidence: float = 0.95
) -> np.ndarray:
    """Return the bound of ``epsilon_lower_bound`` from the area under the ROC curve, in nats, [rows], at least 0.

    Every pair of models adds to the area. Randomised response that gives the truth away with probability delta has the
    highest curve of all (epsilon, delta)-unlearning (Kairouz et al. 2015, arXiv 1311.0776, theorem 2). The area is
    therefore at most 1 - (1 - delta)^2 / (1 + exp(epsilon)), which is solved for epsilon.

    The area in the population is bounded by Chernoff's bound for U-statistics (Hoeffding 1963, section 5). Let A be
    this area and k the number of models on the smaller side. An observed area of a or more then has probability at most
    exp(-k KL(a || A)). Both directions count, with half of 1 - ``confidence`` each.

    Where distributions overlap, the area shows more than thresholds do, because no rate near 0 is needed.

    **Guarantee**, arguments and errors are those of ``epsilon_lower_bound``.
    """
    from scipy.stats import rankdata

    delta, confidence = _levels(delta, confidence)
    first, second, shape = _both_sides(positives, negatives)
    n, m = len(first), len(second)
    ranks = rankdata(np.concatenate([first, second]), axis=0)[:n].sum(axis=0)
    areas = (ranks - n * (n + 1) / 2) / (n * m)
    areas = np.maximum(areas, 1 - areas)
    allowed = np.log(2 / (1 - confidence)) / min(n, m)
    least = np.array([_smallest_mean(area, allowed) for area in areas])
    # Randomised response has 1 - area = (1 - delta)^2 / (1 + exp(epsilon)).
    odds = (1 - delta) ** 2 / (1 - least) - 1
    return np.log(np.maximum(odds, 1.0)).reshape(shape)[()]


def _smallest_mean(found: float, allowed: float) -> float:
    """Return the smallest A in [0.5, ``found``] with KL(``found`` || A) <= ``allowed``, for Bernoulli variables in
    nats.
    """

    def excess(mean: float) -> float:
        return float(rel_entr(found, mean) + rel_entr(1 - found, 1 - mean)) - allowed

    return 0.5 if excess(0.5) <= 0 else float(brentq(excess, 0.5, found))


def _both_sides(positives: np.ndarray, negatives: np.ndarray) -> tuple[np.ndarray, np.ndarray, tuple[int, ...]]:
    """Return scores as [n, rows] and [m, rows], and the shape of the result."""
    positives, negatives = np.asarray(positives, float), np.asarray(negatives, float)
    if positives.ndim not in (1, 2) or positives.shape[1:] != negatives.shape[1:]:
        raise ValueError(
            "need scores [models] or [models, rows], of the same rows on both sides;"
            f" got shapes {positives.shape} and {negatives.shape}"
        )
    first, second = (
        arrays.matrix(scores[:, None] if scores.ndim == 1 else scores, name)
        for scores, name in ((positives, "positives"), (negatives, "negatives"))
    )
    return first, second, positives.shape[1:]


def largest_resolvable_epsilon(
    n_positives: int, n_negatives: int, delta: float = 0.0, confidence: float = 0.95
) -> float:
    """Return the largest possible value of ``epsilon_lower_bound``, in nats: that of models told apart without an
    error.

    With n models on each side and the default levels this is about ln(n) - 2.4, and 0 for n below 11. The value is 0.46
    for 16 models, 1.9 for 64 and 3.2 for 256. An audit of so many models that states a larger epsilon has not shown it.

    Args:
        n_positives: models that unlearned the row, at least 1.
        n_negatives: models that never saw the row, at least 1.
        delta: delta of the claim, in [0, 1).
        confidence: confidence of the bound, in (0, 1).

    Raises:
        ValueError: no model on one side, or a level outside its range.
    """
    delta, confidence = _levels(delta, confidence)
    n, m = (int(arrays.number(count, "a number of models", 1)) for count in (n_positives, n_negatives))
    tail, _ = _tails(n, m, confidence)
    none = np.array(0)
    return float(_epsilon(_rate_at_most(none, m, tail), _rate_at_most(none, n, tail), delta))


def _levels(delta: float, confidence: float) -> tuple[float, float]:
    delta, confidence = arrays.number(delta, "delta", 0, 1), arrays.number(confidence, "confidence", 0, 1)
    if delta == 1 or confidence in (0, 1):
        raise ValueError(f"need delta in [0, 1) and confidence in (0, 1), got {delta} and {confidence}")
    return delta, confidence
