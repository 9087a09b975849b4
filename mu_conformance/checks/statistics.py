"""The statistics of one model on one scenario that the evidence checks compare.

Seeds move a model's confidence on all rows alike, so a statistic that compares forget with holdout rows inside one
model is far sharper than one on the forget rows alone; the scorecard's ``suite.power`` has the separations.
"""

from __future__ import annotations

import numpy as np

from mu_conformance.evidence import Evidence, Outputs
from mu_conformance.measures import classification, membership

__all__ = [
    "FORGETTING",
    "forget_accuracy",
    "forget_accuracy_true_labels",
    "largest_prediction_share",
    "lira_score",
    "loss_auc",
    "loss_difference",
    "relearnt_auc",
    "retain_accuracy",
    "test_accuracy",
]

LIRA_CLIP = 10.0
"""Bound on one row's LiRA score, so that no single row decides."""


def forget_accuracy(evidence: Evidence, own: Outputs, others: list[Outputs]) -> float:
    """Share of forget rows on which the model predicts the label that the original was trained on."""
    return classification.accuracy(own.forget, evidence.labels)


def forget_accuracy_true_labels(evidence: Evidence, own: Outputs, others: list[Outputs]) -> float:
    """Share of forget rows on which the model predicts the row's true label."""
    return classification.accuracy(own.forget, evidence.scenario.true_labels)


def loss_difference(evidence: Evidence, own: Outputs, others: list[Outputs]) -> float:
    """Mean loss on forget rows minus mean loss on holdout rows, in nats."""
    forget = classification.cross_entropy(own.forget, evidence.labels)
    holdout = classification.cross_entropy(own.holdout, evidence.holdout_labels)
    return float(forget.mean() - holdout.mean())


def loss_auc(evidence: Evidence, own: Outputs, others: list[Outputs]) -> float:
    """AUC of the loss attack, forget rows against holdout rows."""
    forget = classification.cross_entropy(own.forget, evidence.labels)
    holdout = classification.cross_entropy(own.holdout, evidence.holdout_labels)
    return membership.loss_attack(forget, holdout).auc


def _confidences(outputs: list[Outputs], evidence: Evidence) -> tuple[np.ndarray, np.ndarray]:
    forget = [classification.logit_scaled_confidence(o.forget, evidence.labels) for o in outputs]
    holdout = [classification.logit_scaled_confidence(o.holdout, evidence.holdout_labels) for o in outputs]
    return np.stack(forget), np.stack(holdout)


def lira_scores(evidence: Evidence, own: Outputs, others: list[Outputs]) -> membership.Attack:
    """Offline LiRA of one model, the others as out models."""
    (forget,), (holdout,) = _confidences([own], evidence)
    out_forget, out_holdout = _confidences(others, evidence)
    return membership.Attack(membership.lira_offline(forget, out_forget), membership.lira_offline(holdout, out_holdout))


def lira_score(evidence: Evidence, own: Outputs, others: list[Outputs]) -> float:
    """Mean LiRA score of forget rows minus that of holdout rows, in standard deviations of the out models."""
    attack = lira_scores(evidence, own, others)
    clip = LIRA_CLIP
    return float(attack.forget.clip(-clip, clip).mean() - attack.holdout.clip(-clip, clip).mean())


def test_accuracy(evidence: Evidence, own: Outputs, others: list[Outputs]) -> float:
    """Accuracy on test rows."""
    return classification.accuracy(own.test, evidence.test_labels)


def retain_accuracy(evidence: Evidence, own: Outputs, others: list[Outputs]) -> float:
    """Accuracy on retain rows."""
    return classification.accuracy(own.retain, evidence.retain_labels)


def largest_prediction_share(evidence: Evidence, own: Outputs, others: list[Outputs]) -> float:
    """Share of test rows that get the most predicted class."""
    return classification.largest_prediction_share(own.test)


def relearnt_auc(attack: str):
    """AUC of the loss attack after the relearning fine-tune ``attack``; rows that it trained on are left out."""
    from mu_conformance.relearning import FEW_FORGET

    def statistic(evidence: Evidence, own: Outputs, others: list[Outputs]) -> float:
        start = min(FEW_FORGET, len(evidence.labels) // 2) if attack == "few" else 0
        logits = getattr(own, f"relearnt_{attack}_forget")[start:]
        forget = classification.cross_entropy(logits, evidence.labels[start:])
        holdout = classification.cross_entropy(getattr(own, f"relearnt_{attack}_holdout"), evidence.holdout_labels)
        return membership.loss_attack(forget, holdout).auc

    return statistic


FORGETTING = {
    "forget accuracy": forget_accuracy,
    "loss difference": loss_difference,
    "loss attack AUC": loss_auc,
    "LiRA score": lira_score,
}
