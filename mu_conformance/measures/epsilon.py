"""A lower bound on the epsilon of (epsilon, delta)-unlearning, for one row, from the scores of many models."""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq
from scipy.special import betainccinv, rel_entr

from mu_conformance.measures import arrays

__all__ = ["epsilon_from_auc", "epsilon_lower_bound", "largest_resolvable_epsilon"]


def _rate_at_most(errors: np.ndarray, trials: int, tail: float) -> np.ndarray:
    """Clopper and Pearson's one-sided upper bound on an error rate (1934); it fails with probability <= ``tail``."""
    errors = np.minimum(errors, trials)
    return np.where(errors < trials, betainccinv(errors + 1, np.maximum(trials - errors, 1), tail), 1.0)


def _tails(positives: int, negatives: int, confidence: float) -> tuple[float, float]:
    """The error probability of each bound for a single threshold, and of each for a pair of thresholds.

    Half of 1 - ``confidence`` for each kind, shared equally (Bonferroni). A threshold can split n sorted scores in n
    ways that matter, above or below: 2 n bounds. A pair can enclose n (n + 1) / 2 runs of them, inside or outside.
    """
    single = 2 * positives + 2 * negatives
    double = positives * (positives + 1) + negatives * (negatives + 1)
    return (1 - confidence) / 2 / single, (1 - confidence) / 2 / double


def _epsilon(false_positive: np.ndarray, false_negative: np.ndarray, delta: float) -> np.ndarray:
    """max{ln(1 - delta - FPR) - ln FNR, ln(1 - delta - FNR) - ln FPR}, at least 0; the rates are > 0."""
    power = np.maximum(
        (1 - delta - false_positive) / false_negative,
        (1 - delta - false_negative) / false_positive,
    )
    return np.log(np.maximum(power, 1.0))


def _one_row(positives: np.ndarray, negatives: np.ndarray, delta: float, confidence: float) -> float:
    n, m = len(positives), len(negatives)
    values = np.unique(np.concatenate([positives, negatives]))
    # how many scores lie at or below the i-th gap between distinct values, the gaps at both ends included
    below = [np.concatenate([[0], np.searchsorted(np.sort(x), values, "right")]) for x in (positives, negatives)]
    single, double = _tails(n, m, confidence)

    # One threshold: claim "positive" above the gap, or below it
    p, q = below
    best = np.maximum(
        _epsilon(_rate_at_most(m - q, m, single), _rate_at_most(p, n, single), delta),
        _epsilon(_rate_at_most(q, m, single), _rate_at_most(n - p, n, single), delta),
    ).max()

    # Two: claim "positive" between two gaps, or outside. From outside, one score more counts (see Guarantee)
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
    """A bound that the epsilon of a row's unlearning exceeds with confidence, in nats, [rows] (one number for one row), >= 0.

    ``positives`` [n, rows] or [n]: a score of the row under n models that were trained on it and then unlearned it;
    ``negatives`` [m, rows] or [m]: under m models that never saw it; all independent. Unlearning is (epsilon, delta) if
    no rule that calls a score "positive" has 1 - FNR > exp(epsilon) FPR + delta, nor the other way round. So each rule
    gives epsilon >= max{ln(1 - delta - FPR) - ln FNR, ln(1 - delta - FNR) - ln FPR}, here with Clopper-Pearson upper
    bounds on both rates; the value is the largest over all rules with one or two thresholds, in both directions
    (Jagielski et al. 2020, arXiv 2006.07709; Nasr et al. 2023, arXiv 2302.07956; Triantafillou et al. 2024, arXiv
    2406.09073, whose estimate has no confidence).

    **Guarantee**: for each row alone, the value exceeds the true epsilon with probability at most 1 - ``confidence``,
    for any distributions, ties included. It holds although the thresholds are set at the same scores. Seen as n
    quantiles of a uniform variable, the share of a population between its i-th and j-th smallest score is
    Beta(j - i, n + 1 - j + i), whatever the population is, and the Clopper-Pearson bounds are quantiles of it: above
    any threshold with k scores above it lies at most the share above the (k + 1)-th largest score. Between two
    thresholds, the least share is that between the outermost enclosed scores, so that one score more counts as lying
    outside. There are finitely many i and j, over which the error probability is shared out (``_tails``), and they
    cover every threshold at once.

    With few models little can be shown: see ``largest_resolvable_epsilon``. ``ValueError``: other shapes, NaN, no
    model on one side, ``delta`` outside [0, 1), ``confidence`` outside (0, 1).
    """
    delta, confidence = _levels(delta, confidence)
    first, second, shape = _both_sides(positives, negatives)
    found = [_one_row(p, q, delta, confidence) for p, q in zip(first.T, second.T, strict=True)]
    return np.array(found).reshape(shape)[()]


def epsilon_from_auc(
    positives: np.ndarray, negatives: np.ndarray, delta: float = 0.0, confidence: float = 0.95
) -> np.ndarray:
    """As ``epsilon_lower_bound``, from the area under the ROC curve, to which every pair of models adds: nats, [rows], >= 0.

    The curve of (epsilon, delta)-unlearning lies under that of randomised response which gives the truth away with
    probability delta (Kairouz et al. 2015, arXiv 1311.0776, theorem 2), so its area is at most
    1 - (1 - delta)^2 / (1 + exp(epsilon)); this is solved for epsilon. The area in the population is bounded by
    Chernoff's bound for U-statistics (Hoeffding 1963, section 5): an area of a or more among k models on the smaller side
    has probability at most exp(-k KL(a || A)) where it is A. Both directions count, half of 1 - ``confidence`` each.

    It shows more than thresholds do where distributions overlap: no rate near 0 is needed.

    **Guarantee** and errors as those of ``epsilon_lower_bound``.
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
    # of randomised response: 1 - area = (1 - delta)^2 / (1 + exp(epsilon))
    odds = (1 - delta) ** 2 / (1 - least) - 1
    return np.log(np.maximum(odds, 1.0)).reshape(shape)[()]


def _smallest_mean(found: float, allowed: float) -> float:
    """The smallest A in [0.5, ``found``] for which KL(``found`` || A), of Bernoulli variables in nats, is at most ``allowed``."""

    def excess(mean: float) -> float:
        return float(rel_entr(found, mean) + rel_entr(1 - found, 1 - mean)) - allowed

    return 0.5 if excess(0.5) <= 0 else float(brentq(excess, 0.5, found))


def _both_sides(positives: np.ndarray, negatives: np.ndarray) -> tuple[np.ndarray, np.ndarray, tuple[int, ...]]:
    """Scores as [n, rows] and [m, rows], and the shape of what is found of each row."""
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
    """What ``epsilon_lower_bound`` gives where so many models are told apart without an error, in nats: its largest value.

    About ln(n) - 2.4 with n models on each side, 0 for n below 11, at the default levels: 0.46 for 16, 1.9 for 64, 3.2
    for 256. An audit of so many models that states a larger epsilon has not shown it.
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
