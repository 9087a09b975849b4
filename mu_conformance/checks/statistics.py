"""The statistics of one model on one scenario that the evidence checks compare.

Seeds move a model's confidence on all rows alike, so a statistic that compares forget with holdout rows inside one
model is far sharper than one on the forget rows alone; the scorecard's ``suite.power`` has the separations.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TypeVar

import numpy as np

from mu_conformance.evidence import Evidence
from mu_conformance.measures import membership
from mu_conformance.outputs import Outputs

__all__ = [
    "FORGETTING",
    "forget_score",
    "largest_prediction_share",
    "lira_score",
    "loss_auc",
    "loss_difference",
    "mean_output",
    "median_output",
    "relearnt_auc",
    "retain_score",
    "test_score",
    "trained_label_score",
]

LIRA_CLIP = 10.0
"""Bound on one row's LiRA score, so that no single row decides."""


Found = TypeVar("Found")


def _of_one_model(function: Callable[[Evidence, Outputs, list[Outputs]], Found]) -> Callable[..., Found]:
    """A statistic that does not depend on the other models: computed once for each model."""

    @functools.wraps(function)
    def remembered(evidence: Evidence, own: Outputs, others: list[Outputs]) -> Found:
        if remembered not in own.memo:
            own.memo[remembered] = function(evidence, own, others)
        return own.memo[remembered]

    return remembered


def _mean_score(evidence: Evidence, own: Outputs, part: str) -> float:
    return float(evidence.task.scores(own[part], evidence.scenario.rows[part]).mean())


def _losses(evidence: Evidence, own: Outputs, prefix: str = "") -> tuple[np.ndarray, np.ndarray]:
    """Per-row losses on forget rows and on holdout rows."""
    rows = evidence.scenario.rows
    forget, holdout = (evidence.task.losses(own[f"{prefix}{part}"], rows[part]) for part in ("forget", "holdout"))
    return forget, holdout


@_of_one_model
def trained_label_score(evidence: Evidence, own: Outputs, others: list[Outputs]) -> float:
    """Mean score on forget rows against the labels that the original was trained on."""
    return _mean_score(evidence, own, "forget")


@_of_one_model
def forget_score(evidence: Evidence, own: Outputs, others: list[Outputs]) -> float:
    """Mean score on forget rows against the rows' own labels."""
    return float(evidence.task.scores(own["forget"], evidence.scenario.forget_as_labelled).mean())


@functools.cache
def mean_output(name: str):
    """The mean over forget rows of what a task keeps under a name (``Task.outputs``)."""

    @_of_one_model
    def statistic(evidence: Evidence, own: Outputs, others: list[Outputs]) -> float:
        return float(np.mean(own["forget"][name], dtype=np.float64))

    return statistic


@functools.cache
def median_output(name: str):
    """The median over forget rows of what a task keeps under a name."""

    @_of_one_model
    def statistic(evidence: Evidence, own: Outputs, others: list[Outputs]) -> float:
        return float(np.median(own["forget"][name]))

    return statistic


@_of_one_model
def loss_difference(evidence: Evidence, own: Outputs, others: list[Outputs]) -> float:
    """Mean loss on forget rows minus mean loss on holdout rows, in nats."""
    forget, holdout = _losses(evidence, own)
    return float(forget.mean() - holdout.mean())


@_of_one_model
def loss_auc(evidence: Evidence, own: Outputs, others: list[Outputs]) -> float:
    """AUC of the loss attack, forget rows against holdout rows."""
    return membership.loss_attack(*_losses(evidence, own)).auc


@functools.cache
def _confidences_on(part: str):
    @_of_one_model
    def confidences(evidence: Evidence, own: Outputs, others: list[Outputs]) -> np.ndarray:
        return evidence.task.confidences(own[part], evidence.scenario.rows[part])

    return confidences


def _confidences(outputs: list[Outputs], evidence: Evidence, part: str) -> np.ndarray:
    """Of each model on each row of a part, [models, n]."""
    return np.stack([_confidences_on(part)(evidence, one, []) for one in outputs])


def lira_scores(evidence: Evidence, own: Outputs, others: list[Outputs]) -> membership.Attack:
    """Offline LiRA of one model, the others as out models."""
    forget, holdout = (
        membership.lira_offline(_confidences([own], evidence, part)[0], _confidences(others, evidence, part))
        for part in ("forget", "holdout")
    )
    return membership.Attack(forget, holdout)


def lira_score(evidence: Evidence, own: Outputs, others: list[Outputs]) -> float:
    """Mean LiRA score of forget rows minus that of holdout rows, in standard deviations of the out models."""
    attack = lira_scores(evidence, own, others)
    clip = LIRA_CLIP
    return float(attack.forget.clip(-clip, clip).mean() - attack.holdout.clip(-clip, clip).mean())


@_of_one_model
def test_score(evidence: Evidence, own: Outputs, others: list[Outputs]) -> float:
    """Mean score on test rows."""
    return _mean_score(evidence, own, "test")


@_of_one_model
def retain_score(evidence: Evidence, own: Outputs, others: list[Outputs]) -> float:
    """Mean score on retain rows."""
    return _mean_score(evidence, own, "retain")


@_of_one_model
def largest_prediction_share(evidence: Evidence, own: Outputs, others: list[Outputs]) -> float:
    """Share of test rows that get the most frequent answer."""
    predictions = evidence.task.predictions(own["test"])
    return float(np.unique(predictions, return_counts=True)[1].max() / len(predictions))


@functools.cache
def relearnt_auc(attack: str):
    """AUC of the loss attack after the relearning fine-tune ``attack``; rows that it trained on are left out."""
    from mu_conformance.relearning import few_forget

    @_of_one_model
    def statistic(evidence: Evidence, own: Outputs, others: list[Outputs]) -> float:
        forget, holdout = _losses(evidence, own, f"relearnt_{attack}_")
        start = few_forget(len(forget)) if attack == "few" else 0
        return membership.loss_attack(forget[start:], holdout).auc

    return statistic


FORGETTING = {
    "forget score": trained_label_score,
    "loss difference": loss_difference,
    "loss attack AUC": loss_auc,
    "LiRA score": lira_score,
}
