"""Infer membership: measure how well rows of the forget set can be told from rows never trained on."""

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
    """Holds the scores of an attack, larger meaning "member"."""

    forget: np.ndarray
    """Scores of forget rows [n]."""
    holdout: np.ndarray
    """Scores of holdout rows [m]."""

    @property
    def auc(self) -> float:
        """Return the area under the ROC curve, in [0, 1]; 0.5 shows nothing, and below 0.5 leaks too."""
        return auc(self.forget, self.holdout)

    def tpr_at(self, fpr: float) -> float:
        """Return the true-positive rate at the largest attainable false-positive rate not above ``fpr``.

        Raises:
            ValueError: ``fpr`` lies outside [0, 1].
        """
        if not 0 <= fpr <= 1:
            raise ValueError(f"fpr must lie in [0, 1], got {fpr}")
        thresholds = np.unique(np.concatenate([self.forget, self.holdout, [np.inf]]))
        false = np.array([(self.holdout >= t).mean() for t in thresholds])
        true = np.array([(self.forget >= t).mean() for t in thresholds])
        return float(true[false <= fpr].max())


def auc(positives: np.ndarray, negatives: np.ndarray) -> float:
    """Return the probability that a positive scores above a negative (the Mann-Whitney statistic), in [0, 1].

    Ties count half.

    >>> auc(np.array([2.0, 3.0]), np.array([1.0, 2.0]))
    0.875
    """
    positives, negatives = arrays.vector(positives, "positives"), arrays.vector(negatives, "negatives")
    ordered = np.sort(negatives)
    # Count the negatives below each positive, ties half.
    wins = np.searchsorted(ordered, positives, "left") + np.searchsorted(ordered, positives, "right")
    return float(wins.mean() / (2 * len(ordered)))


def loss_attack(forget_losses: np.ndarray, holdout_losses: np.ndarray) -> Attack:
    """Return the loss attack (Yeom et al. 2018): a low loss means "member".

    Args:
        forget_losses: losses of forget rows [n], in nats.
        holdout_losses: losses of holdout rows [m], in nats.
    """
    return Attack(-arrays.vector(forget_losses, "forget_losses"), -arrays.vector(holdout_losses, "holdout_losses"))


def lira_offline(scores: np.ndarray, reference_scores: np.ndarray) -> np.ndarray:
    """Return for each row how far its score lies above those of models that never saw the row: offline LiRA.

    Source: Carlini et al. 2022. The result is z-scores [n] under each row's Gaussian; the one-sided p-value of the
    paper is 1 - Phi(z). The deviation is at least ``VARIANCE_FLOOR`` times the pooled one. A row on which the
    references agree exactly therefore does not divide by zero. If they agree on all rows, the deviation is 1.

    Args:
        scores: logit-scaled confidences of the attacked model [n].
        reference_scores: those of models trained without the rows [k, n], k >= 2, the attacked model not among them.
    """
    scores = arrays.vector(scores, "scores")
    reference_scores = arrays.matrix(reference_scores, "reference_scores", rows=2, columns=len(scores))
    deviation = reference_scores.std(axis=0, ddof=1)
    pooled = float(np.sqrt((deviation**2).mean()))
    # A pooled deviation of rounding errors alone means that the references agree exactly.
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
    """Return the share of population rows z that each row x beats, [n] in [0, 1]: offline RMIA. Larger means "member".

    Source: Zarifzadeh et al. 2024 (arXiv 2312.03262). A row x beats z where [p(x) / m(x)] / [p(z) / m(z)] > ``gamma``.
    Both p and m are probabilities of a row's label: p under the attacked model, m under a model that may have seen the
    row or not. The latter is (1 + a) / 2 times the references' mean, plus (1 - a) / 2.

    Args:
        probabilities: p of the rows [n].
        reference_probabilities: the same under k >= 1 references, which have not seen the rows [k, n].
        population: p of rows that the attacked model never saw [z].
        reference_population: the same under the references [k, z].
        a: in [0, 1]; 1 takes the references as they are. The paper tunes it on models of its own.
        gamma: above 0.

    Raises:
        ValueError: other shapes, values outside [0, 1], or a row to which every reference gives 0 at a = 1.
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
