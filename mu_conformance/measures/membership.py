"""Membership inference: how well rows of the forget set can be told from rows never trained on."""

from __future__ import annotations

import dataclasses

import numpy as np

from mu_conformance.measures import arrays, classification
from mu_conformance.measures.epsilon import epsilon_from_auc, epsilon_lower_bound, largest_resolvable_epsilon
from mu_conformance.measures.membership_classifiers import entropy_attack, svc_attack
from mu_conformance.measures.membership_tokens import min_k, min_k_plus_plus
from mu_conformance.measures.randomisation import membership_randomisation

__all__ = [
    "Attack",
    "auc",
    "entropy_attack",
    "epsilon_from_auc",
    "epsilon_lower_bound",
    "largest_resolvable_epsilon",
    "lira_offline",
    "logit_scaled_confidence",
    "loss_attack",
    "membership_randomisation",
    "min_k",
    "min_k_plus_plus",
    "rmia",
    "svc_attack",
]

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


def auc(positives: np.ndarray, negatives: np.ndarray) -> float:
    """Probability that a positive scores above a negative, ties counted half (the Mann-Whitney statistic), in [0, 1].

    >>> auc(np.array([2.0, 3.0]), np.array([1.0, 2.0]))
    0.875
    """
    positives, negatives = arrays.vector(positives, "positives"), arrays.vector(negatives, "negatives")
    ordered = np.sort(negatives)
    # how many negatives lie below each positive, those that equal it counted half
    wins = np.searchsorted(ordered, positives, "left") + np.searchsorted(ordered, positives, "right")
    return float(wins.mean() / (2 * len(ordered)))


def loss_attack(forget_losses: np.ndarray, holdout_losses: np.ndarray) -> Attack:
    """The loss attack (Yeom et al. 2018): a low loss means "member". Losses in nats, [n] and [m]."""
    return Attack(-arrays.vector(forget_losses, "forget_losses"), -arrays.vector(holdout_losses, "holdout_losses"))


def lira_offline(scores: np.ndarray, reference_scores: np.ndarray) -> np.ndarray:
    """Offline LiRA (Carlini et al. 2022): per row, how far a score lies above models that never saw the row.

    ``scores`` [n] are logit-scaled confidences of the attacked model; ``reference_scores`` [k, n], k >= 2, those of
    models trained without the rows, the attacked model not among them. Returns z-scores [n] under each row's
    Gaussian; the one-sided p-value of the paper is 1 - Phi(z). The deviation has the floor ``VARIANCE_FLOOR`` times
    the pooled one, so that a row on which the references agree exactly does not divide by zero.
    """
    scores = arrays.vector(scores, "scores")
    reference_scores = arrays.matrix(reference_scores, "reference_scores", rows=2, columns=len(scores))
    deviation = reference_scores.std(axis=0, ddof=1)
    pooled = float(np.sqrt((deviation**2).mean()))
    # A pooled deviation of rounding errors alone says that the references agree exactly
    rounding = 1e-12 * max(1.0, float(np.abs(reference_scores).max()))
    floor = VARIANCE_FLOOR * pooled if pooled > rounding else 1.0
    return (scores - reference_scores.mean(axis=0)) / np.maximum(deviation, floor)


def rmia(
    probabilities: np.ndarray,
    reference_probabilities: np.ndarray,
    population: np.ndarray,
    reference_population: np.ndarray,
    *,
    a: float = 1.0,
    gamma: float = 2.0,
) -> np.ndarray:
    """RMIA, offline: the share of population rows z that a row x beats, [n] in [0, 1].

    Zarifzadeh et al. 2024 (arXiv 2312.03262). x beats z where [p(x) / m(x)] / [p(z) / m(z)] > ``gamma``. p: the
    probability that the attacked model gives a row's label, ``probabilities`` [n] and ``population`` [z] (rows that it
    never saw). m: what a model gives that may or may not have seen the row, (1 + a) / 2 times the mean over
    ``reference_probabilities`` [k, n] (or ``reference_population`` [k, z]), k >= 1 models that have not, plus (1 - a) /
    2. ``a`` in [0, 1]: 1 takes the references as they are; the paper tunes it on models of its own. Larger means
    "member".

    ``ValueError``: other shapes, values outside [0, 1], a row to which every reference gives 0 at a = 1.
    """
    a, gamma = arrays.number(a, "a", 0, 1), arrays.number(gamma, "gamma", 0, above=True)

    def ratios(own: np.ndarray, references: np.ndarray, name: str) -> np.ndarray:
        own = arrays.vector(own, name)
        references = arrays.matrix(references, f"reference_{name}", columns=len(own))
        if min(own.min(), references.min()) < 0 or max(own.max(), references.max()) > 1:
            raise ValueError(f"{name} and reference_{name} must be probabilities, in [0, 1]")
        expected = (1 + a) / 2 * references.mean(axis=0) + (1 - a) / 2
        if expected.min() == 0:
            raise ValueError(f"every reference gives a row of {name} probability 0: nothing to divide by; need a < 1")
        return own / expected

    beaten = np.sort(gamma * ratios(population, reference_population, "population"))
    rows = ratios(probabilities, reference_probabilities, "probabilities")
    return np.searchsorted(beaten, rows, "left") / len(beaten)
