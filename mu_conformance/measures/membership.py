"""Membership inference: how well rows of the forget set can be told from rows never trained on."""

from __future__ import annotations

import dataclasses

import numpy as np

from mu_conformance.measures import classification

__all__ = ["Attack", "auc", "lira_offline", "logit_scaled_confidence", "loss_attack"]

VARIANCE_FLOOR = 0.1
"""Smallest per-row deviation that offline LiRA divides by, as a share of the pooled deviation over all rows."""

logit_scaled_confidence = classification.logit_scaled_confidence


@dataclasses.dataclass(frozen=True)
class Attack:
    """Scores of an attack, larger meaning "member", for forget rows [n] and holdout rows [m]."""

    forget: np.ndarray
    holdout: np.ndarray

    @property
    def auc(self) -> float:
        """Area under the ROC curve, in [0, 1]; 0.5 tells nothing, below 0.5 leaks too."""
        return auc(self.forget, self.holdout)

    def tpr_at(self, fpr: float) -> float:
        """True-positive rate at the largest threshold-based false-positive rate that does not exceed ``fpr``."""
        if not 0 <= fpr <= 1:
            raise ValueError(f"fpr must lie in [0, 1], got {fpr}")
        thresholds = np.unique(np.concatenate([self.forget, self.holdout, [np.inf]]))
        false = np.array([(self.holdout >= t).mean() for t in thresholds])
        true = np.array([(self.forget >= t).mean() for t in thresholds])
        return float(true[false <= fpr].max())


def _scores(values: np.ndarray, name: str) -> np.ndarray:
    values = np.asarray(values, float)
    if values.ndim != 1 or len(values) == 0:
        raise ValueError(f"{name} must be a non-empty one-dimensional array, got shape {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError(f"{name} holds NaN or infinite values")
    return values


def auc(positives: np.ndarray, negatives: np.ndarray) -> float:
    """Probability that a positive scores above a negative, ties counted half (the Mann-Whitney statistic), in [0, 1].

    >>> auc(np.array([2.0, 3.0]), np.array([1.0, 2.0]))
    0.875
    """
    positives, negatives = _scores(positives, "positives"), _scores(negatives, "negatives")
    ordered = np.sort(negatives)
    # how many negatives lie below each positive, those that equal it counted half
    wins = np.searchsorted(ordered, positives, "left") + np.searchsorted(ordered, positives, "right")
    return float(wins.mean() / (2 * len(ordered)))


def loss_attack(forget_losses: np.ndarray, holdout_losses: np.ndarray) -> Attack:
    """The loss attack (Yeom et al. 2018): a low loss means "member". Losses in nats, [n] and [m]."""
    return Attack(-_scores(forget_losses, "forget_losses"), -_scores(holdout_losses, "holdout_losses"))


def lira_offline(scores: np.ndarray, reference_scores: np.ndarray) -> np.ndarray:
    """Offline LiRA (Carlini et al. 2022): per row, how far a score lies above models that never saw the row.

    ``scores`` [n] are logit-scaled confidences of the attacked model; ``reference_scores`` [k, n], k >= 2, those of
    models trained without the rows, the attacked model not among them. Returns z-scores [n] under each row's
    Gaussian; the one-sided p-value of the paper is 1 - Phi(z). The deviation has the floor ``VARIANCE_FLOOR`` times
    the pooled one, so that a row on which the references agree exactly does not divide by zero.
    """
    scores = _scores(scores, "scores")
    reference_scores = np.asarray(reference_scores, float)
    if reference_scores.ndim != 2 or reference_scores.shape[1] != len(scores) or len(reference_scores) < 2:
        raise ValueError(f"reference_scores must be [k >= 2, {len(scores)}], got {reference_scores.shape}")
    if not np.isfinite(reference_scores).all():
        raise ValueError("reference_scores hold NaN or infinite values")
    deviation = reference_scores.std(axis=0, ddof=1)
    pooled = float(np.sqrt((deviation**2).mean()))
    # A pooled deviation of rounding errors alone says that the references agree exactly
    rounding = 1e-12 * max(1.0, float(np.abs(reference_scores).max()))
    floor = VARIANCE_FLOOR * pooled if pooled > rounding else 1.0
    return (scores - reference_scores.mean(axis=0)) / np.maximum(deviation, floor)
