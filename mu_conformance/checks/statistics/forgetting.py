"""The statistics of one model on one scenario that the evidence checks compare.

Seeds move a model's confidence on all rows alike, so a statistic that compares forget with holdout rows inside one
model is far sharper than one on the forget rows alone; the scorecard's ``suite.power`` has the separations.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TypeVar

import numpy as np

from mu_conformance.evidence.base import Evidence
from mu_conformance.evidence.outputs import Outputs
from mu_conformance.measures import divergence, membership, representation, utility

__all__ = [
    "FORGETTING",
    "backdoor_success",
    "calibration_error",
    "confidence_spread",
    "distribution",
    "earlier_requests_auc",
    "forget_score",
    "largest_prediction_share",
    "lira_auc",
    "lira_score",
    "loss_auc",
    "loss_difference",
    "mean_output",
    "median_output",
    "ood_score",
    "output_divergence",
    "representation_alignment",
    "retain_advantage",
    "retain_score",
    "rmia_score",
    "test_score",
    "trained_label_score",
    "treated_auc",
    "treated_gain",
    "within_class_auc",
    "worst_group_drop",
    "worst_rows_score",
]

LIRA_CLIP = 10.0
"""Bound on one row's LiRA score, so that no single row decides."""
WORST_SHARE = 0.1
"""Of the rows of a part: those that are found most like members."""
LEAST_SPREAD = 1e-3


Found = TypeVar("Found")


def _of_one_model(function: Callable[[Evidence, Outputs, list[Outputs]], Found]) -> Callable[..., Found]:
    """A statistic that does not depend on the other models: computed once for each model."""

    @functools.wraps(function)
    def remembered(evidence: Evidence, own: Outputs, others: list[Outputs]) -> Found:
        if remembered not in own.memo:
            own.memo[remembered] = function(evidence, own, others)
        return own.memo[remembered]

    return remembered


def _among_others(function: Callable[[Evidence, Outputs, list[Outputs]], Found]) -> Callable[..., Found]:
    """What several statistics are made of: computed once for each model and its others."""

    @functools.wraps(function)
    def remembered(evidence: Evidence, own: Outputs, others: list[Outputs]) -> Found:
        key = remembered, id(own), tuple(map(id, others))
        if key not in evidence.memo:
            # with the models, so that their ids are not those of others one day
            evidence.memo[key] = own, others, function(evidence, own, others)
        return evidence.memo[key][2]

    return remembered


def _mean_score(evidence: Evidence, own: Outputs, part: str) -> float:
    return float(evidence.task.scores(own[part], evidence.scenario.rows[part]).mean())


def _losses(evidence: Evidence, own: Outputs) -> tuple[np.ndarray, np.ndarray]:
    """Per-row losses on forget rows and on holdout rows."""
    rows = evidence.scenario.rows
    forget, holdout = (evidence.task.losses(own[part], rows[part]) for part in ("forget", "holdout"))
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


@_of_one_model
def earlier_requests_auc(evidence: Evidence, own: Outputs, others: list[Outputs]) -> float:
    """AUC of the loss attack on the rows of all requests but the last, against holdout rows."""
    forget, holdout = _losses(evidence, own)
    asked = evidence.scenario.forget_set
    earlier = np.isin(asked.indices, np.concatenate(asked.requests[:-1]))
    return membership.loss_attack(forget[earlier], holdout).auc


@_of_one_model
def within_class_auc(evidence: Evidence, own: Outputs, others: list[Outputs]) -> float:
    """AUC of the loss attack over pairs of a forget and a holdout row with the same label; 0.5 without such a pair."""
    rows = evidence.scenario.rows
    losses = dict(zip(("forget", "holdout"), _losses(evidence, own), strict=True))
    labels = {part: rows[part].labels.numpy() for part in losses}
    won = pairs = 0.0
    for label in np.intersect1d(labels["forget"], labels["holdout"]):
        forget, holdout = (losses[part][labels[part] == label] for part in ("forget", "holdout"))
        won += membership.loss_attack(forget, holdout).auc * len(forget) * len(holdout)
        pairs += len(forget) * len(holdout)
    return won / pairs if pairs else 0.5


@functools.cache
def _confidences_on(part: str):
    @_of_one_model
    def confidences(evidence: Evidence, own: Outputs, others: list[Outputs]) -> np.ndarray:
        return evidence.task.confidences(own[part], evidence.scenario.rows[part])

    return confidences


def _confidences(outputs: list[Outputs], evidence: Evidence, part: str) -> np.ndarray:
    """Of each model on each row of a part, [models, n]."""
    return np.stack([_confidences_on(part)(evidence, one, []) for one in outputs])


@_among_others
def lira_scores(evidence: Evidence, own: Outputs, others: list[Outputs]) -> membership.Attack:
    """Offline LiRA of one model, the others as out models."""
    forget, holdout = (
        membership.lira_offline(_confidences([own], evidence, part)[0], _confidences(others, evidence, part))
        for part in ("forget", "holdout")
    )
    return membership.Attack(forget, holdout)


def lira_auc(evidence: Evidence, own: Outputs, others: list[Outputs]) -> float:
    """AUC of offline LiRA, forget rows against holdout rows."""
    return lira_scores(evidence, own, others).auc


def lira_score(evidence: Evidence, own: Outputs, others: list[Outputs]) -> float:
    """Mean LiRA score of forget rows minus that of holdout rows, in standard deviations of the out models."""
    attack = lira_scores(evidence, own, others)
    clip = LIRA_CLIP
    return float(attack.forget.clip(-clip, clip).mean() - attack.holdout.clip(-clip, clip).mean())


def worst_rows_score(evidence: Evidence, own: Outputs, others: list[Outputs]) -> float:
    """Mean LiRA score of the tenth of the forget rows with the largest, minus that of the holdout rows with the largest."""
    attack = lira_scores(evidence, own, others)

    def of_worst(scores: np.ndarray) -> float:
        count = max(1, round(WORST_SHARE * len(scores)))
        return float(np.sort(scores.clip(-LIRA_CLIP, LIRA_CLIP))[-count:].mean())

    return of_worst(attack.forget) - of_worst(attack.holdout)


@functools.cache
def _likelihoods_on(part: str):
    @_of_one_model
    def likelihoods(evidence: Evidence, own: Outputs, others: list[Outputs]) -> np.ndarray:
        return np.exp(-evidence.task.losses(own[part], evidence.scenario.rows[part]))

    return likelihoods


def rmia_score(evidence: Evidence, own: Outputs, others: list[Outputs]) -> float:
    """How often a forget row's likelihood, over its mean in the others, exceeds a holdout row's, less a half; in [-0.5, 0.5].

    RMIA with the holdout rows as population and gamma 1: the mean of its scores over the forget rows.
    """
    (own_forget, own_holdout), (forget, holdout) = (
        [np.stack([_likelihoods_on(part)(evidence, one, []) for one in models]) for part in ("forget", "holdout")]
        for models in ([own], others)
    )
    scores = membership.rmia(own_forget[0], forget, own_holdout[0], holdout, gamma=1.0)
    return float(scores.mean() - 0.5)


@functools.cache
def _distribution_on(part: str):
    @_of_one_model
    def answers(evidence: Evidence, own: Outputs, others: list[Outputs]) -> np.ndarray:
        found = evidence.task.behaviour(own[part])
        return np.concatenate([found, 1 - found], axis=1) if found.shape[1] == 1 else found

    return answers


def distribution(evidence: Evidence, own: Outputs, part: str) -> np.ndarray:
    """A model's answers on a part as probabilities, [n, k], each row's sum 1; a lone confidence p is (p, 1 - p)."""
    return _distribution_on(part)(evidence, own, [])


def output_divergence(evidence: Evidence, own: Outputs, others: list[Outputs]) -> float:
    """Jensen-Shannon divergence of a model's answers on forget rows from the others' mean answers, the mean over rows, nats."""
    middle = np.mean([distribution(evidence, one, "forget") for one in others], axis=0)
    return float(divergence.jensen_shannon(distribution(evidence, own, "forget"), middle).mean())


@_of_one_model
def confidence_spread(evidence: Evidence, own: Outputs, others: list[Outputs]) -> float:
    """Log of the standard deviation of confidences over forget rows, as a multiple of that over holdout rows."""
    forget, holdout = (float(_confidences_on(part)(evidence, own, []).std()) for part in ("forget", "holdout"))
    return float(np.log(max(forget, LEAST_SPREAD) / max(holdout, LEAST_SPREAD)))


@_of_one_model
def retain_advantage(evidence: Evidence, own: Outputs, others: list[Outputs]) -> float:
    """Log of how much higher the mean confidence on retain rows is than on holdout rows."""
    retain, holdout = (float(_confidences_on(part)(evidence, own, []).mean()) for part in ("retain", "holdout"))
    return float(np.log(max(LEAST_SPREAD, retain - holdout)))


@_of_one_model
def _class_scores(evidence: Evidence, own: Outputs, others: list[Outputs]) -> np.ndarray:
    """Mean score of each class that occurs in the test rows, [classes]."""
    rows = evidence.scenario.rows["test"]
    scores, labels = evidence.task.scores(own["test"], rows), rows.labels.numpy()
    return np.array([scores[labels == label].mean() for label in np.unique(labels)])


def worst_group_drop(evidence: Evidence, own: Outputs, others: list[Outputs]) -> float:
    """The least, over classes, of the score on its test rows minus the others' mean score there."""
    expected = np.mean([_class_scores(evidence, one, []) for one in others], axis=0)
    return float((_class_scores(evidence, own, []) - expected).min())


@_of_one_model
def calibration_error(evidence: Evidence, own: Outputs, others: list[Outputs]) -> float:
    """Expected calibration error on test rows, in 10 bins."""
    labels = evidence.scenario.rows["test"].labels.numpy()
    return float(utility.expected_calibration_error(evidence.task.behaviour(own["test"]), labels, 10))


@_of_one_model
def ood_score(evidence: Evidence, own: Outputs, others: list[Outputs]) -> float:
    """Mean score on out-of-distribution rows."""
    return _mean_score(evidence, own, "ood")


@_of_one_model
def backdoor_success(evidence: Evidence, own: Outputs, others: list[Outputs]) -> float:
    """Mean score on test rows with a trigger, against the label that goes with it."""
    return _mean_score(evidence, own, "triggered")


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
def treated_gain(treatment: str):
    """AUC of the loss attack after a treatment less that before it, on the same rows: what the treatment brings back."""
    after = treated_auc(treatment)

    @_of_one_model
    def statistic(evidence: Evidence, own: Outputs, others: list[Outputs]) -> float:
        forget, holdout = _losses(evidence, own)
        return (
            after(evidence, own, others)
            - membership.loss_attack(forget[_left_out(treatment, len(forget)) :], holdout).auc
        )

    return statistic


def _left_out(treatment: str, forget_rows: int) -> int:
    """How many forget rows, the first, a treatment trains on."""
    from mu_conformance.evidence.recovery.relearning import few_forget

    return few_forget(forget_rows) if treatment == "relearnt_few" else 0


@functools.cache
def treated_auc(treatment: str):
    """AUC of the loss attack after a treatment; forget rows that a fine-tune was trained on are left out."""

    @_of_one_model
    def statistic(evidence: Evidence, own: Outputs, others: list[Outputs]) -> float:
        forget, holdout = (own[f"{treatment}_{part}"]["loss"] for part in ("forget", "holdout"))
        return membership.loss_attack(forget[_left_out(treatment, len(forget)) :], holdout).auc

    return statistic


def representation_alignment(evidence: Evidence, own: Outputs, others: list[Outputs]) -> float:
    """Linear CKA of how a model represents forget and holdout rows with how each of the others does, their mean; in [0, 1].

    With a model that represents all rows alike it is 0, and of two such models 1.
    """
    return float(np.mean([_alignment(own, other) for other in others]))


def _alignment(own: Outputs, other: Outputs) -> float:
    key = ("alignment", id(other))
    if key not in own.memo:
        mine, theirs = (outputs["representation"]["sketch"].astype(np.float64) for outputs in (own, other))
        constant = [np.ptp(sketch, axis=0).max() == 0 for sketch in (mine, theirs)]
        found = float(all(constant)) if any(constant) else representation.linear_cka(mine, theirs)
        own.memo[key] = other, found  # which keeps the other, so that its id is not another's one day
    return own.memo[key][1]


FORGETTING = {
    "forget score": trained_label_score,
    "loss difference": loss_difference,
    "loss attack AUC": loss_auc,
    "LiRA score": lira_score,
}
