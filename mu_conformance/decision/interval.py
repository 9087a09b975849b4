"""Confidence intervals of a difference of means, and the chance that more runs decide."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from scipy.special import stdtr, stdtrit

from mu_conformance.decision.outcome import Sides

__all__ = ["Interval", "conclusive_chance", "difference_interval", "known_spread_interval"]


@dataclasses.dataclass(frozen=True)
class Interval:
    """A confidence interval and its level."""

    low: float
    high: float
    level: float


def difference_interval(
    runs: np.ndarray, references: np.ndarray, level: float, *, spread_as_references: bool = False
) -> Interval:
    """Welch interval for mean(runs) - mean(references); one value per training seed.

    With one run, the references' spread stands in for the run's (Welch is undefined there). It does for any number of
    runs that spread less if ``spread_as_references``: for where few runs decide, whose own variance is hardly known,
    and a method that is as it should be spreads as they do. With fewer than two references, a non-finite value or an
    empty array: ``ValueError``. Two constant samples give an interval of width 0.
    """
    runs, references = np.asarray(runs, float), np.asarray(references, float)
    if runs.ndim != 1 or references.ndim != 1 or len(runs) < 1 or len(references) < 2:
        raise ValueError(f"need at least 1 run and 2 references, got shapes {runs.shape} and {references.shape}")
    if not (np.isfinite(runs).all() and np.isfinite(references).all()):
        raise ValueError("a measurement is NaN or infinite")
    if not 0 < level < 1:
        raise ValueError(f"the level must lie in (0, 1), got {level}")
    difference = runs.mean() - references.mean()
    reference_variance = references.var(ddof=1)
    run_variance = runs.var(ddof=1) if len(runs) > 1 else reference_variance
    borrowed = len(runs) == 1 or (spread_as_references and run_variance <= reference_variance)
    if borrowed:
        run_variance = reference_variance
    half = _half_width(run_variance, len(runs), reference_variance, len(references), level, borrowed=borrowed)
    return Interval(difference - half, difference + half, level)


def known_spread_interval(
    runs: np.ndarray, references: np.ndarray, spread: float, degrees: int, level: float
) -> Interval:
    """Return the t interval for mean(runs) - mean(references), where the deviation of both is known from elsewhere.

    Args:
        runs: values of runs, float [n], n at least 1.
        references: values of references, float [m], m at least 1.
        spread: standard deviation of a run and of a reference.
        degrees: degrees of freedom with which ``spread`` was estimated.
        level: level of the interval, in (0, 1).

    Raises:
        ValueError: a value is not finite, or there is no run or no reference.
    """
    runs, references = np.asarray(runs, float), np.asarray(references, float)
    if runs.ndim != 1 or references.ndim != 1 or not len(runs) or not len(references) or degrees < 1:
        raise ValueError(f"need at least 1 run and 1 reference, got shapes {runs.shape} and {references.shape}")
    if not (np.isfinite(runs).all() and np.isfinite(references).all() and math.isfinite(spread)):
        raise ValueError("a measurement is NaN or infinite")
    half = float(stdtrit(degrees, (1 + level) / 2)) * spread * math.sqrt(1 / len(runs) + 1 / len(references))
    difference = float(runs.mean() - references.mean())
    return Interval(difference - half, difference + half, level)


def _half_width(
    run_variance: float, runs: int, reference_variance: float, references: int, level: float, *, borrowed: bool = False
) -> float:
    """``borrowed``: the runs' variance is the references', with its degrees of freedom."""
    a, b = run_variance / runs, reference_variance / references
    if a + b == 0:
        return 0.0
    if not borrowed:
        # Welch-Satterthwaite, in shares of the variance so that tiny ones do not underflow
        share = a / (a + b)
        degrees = 1 / (share**2 / (runs - 1) + (1 - share) ** 2 / (references - 1))
    else:
        degrees = references - 1
    return float(stdtrit(degrees, (1 + level) / 2) * math.sqrt(a + b))


def conclusive_chance(
    runs: np.ndarray, references: np.ndarray, level: float, margin: float, sides: Sides, last: int
) -> float:
    """How likely, from 0 to 1, the decision becomes conclusive if runs are added until there are ``last`` of them.

    The predictive probability given the runs so far, their mean and variance unknown under a flat prior (Spiegelhalter,
    Freedman & Blackburn 1986, Controlled Clinical Trials 7:8), with the interval as wide as the variance so far makes
    it. Stopping where it is small never makes a pass: it is stochastic curtailment for futility (Lan, Simon & Halperin
    1982). Needs two runs at least and more than there are as ``last``, else ``ValueError``.
    """
    runs, references = np.asarray(runs, float), np.asarray(references, float)
    n = len(runs)
    if n < 2 or last <= n:
        raise ValueError(f"nothing can be predicted of {last} runs from {n}")
    variance, reference_variance = float(runs.var(ddof=1)), float(references.var(ddof=1))
    difference = float(runs.mean() - references.mean())
    half = _half_width(variance, last, reference_variance, len(references), level)
    # The mean of all runs, less the mean so far, is this times a t variable.
    spread = math.sqrt(variance * (last - n) / (n * last))

    def below(edge: float) -> float:
        if spread == 0:
            return float(difference < edge)
        return float(stdtr(n - 1, (edge - difference) / spread))

    low = -margin if sides in (Sides.BOTH, Sides.BELOW) else -math.inf
    high = margin if sides in (Sides.BOTH, Sides.ABOVE) else math.inf
    passing = max(0.0, below(high - half) - below(low + half))
    failing = below(low - half) + 1 - below(high + half)
    return min(1.0, passing + failing)
