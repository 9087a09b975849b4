"""Compute statistics of membership, as told by an attacker from losses or confidences."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np

from mu_conformance.checks.statistics.caching import AgainstOthers, OfOneModel, losses
from mu_conformance.evidence.base import Others
from mu_conformance.evidence.outputs import Outputs
from mu_conformance.measures import membership
from mu_conformance.scenarios.scenario import Scenario

__all__ = [
    "LEAST_SPREAD",
    "LIRA_CLIP",
    "WORST_SHARE",
    "confidence_spread",
    "earlier_requests_auc",
    "inside_auc",
    "stranger_auc",
    "lira_auc",
    "lira_score",
    "lira_scores",
    "loss_auc",
    "retain_advantage",
    "retain_margin",
    "standardised_confidences",
    "stratum_score",
    "rmia_score",
    "within_class_auc",
    "worst_rows_score",
]

LIRA_CLIP = 10.0
"""Bound on the magnitude of one row's LiRA score, so that no single row decides."""

WORST_SHARE = 0.1
"""Share of a part's rows that counts as most like members."""

FEWEST_COMPARED = 10
"""Least number of holdout rows with which the forget rows of a stratum are compared."""

LEAST_SPREAD = 1e-3
"""Lower bound on a spread or an advantage of confidences, so that its log is finite."""


@OfOneModel
def loss_auc(scenario: Scenario, own: Outputs) -> float:
    """Compute the AUC of the loss attack, forget rows against holdout rows, in [0, 1]."""
    return membership.loss_attack(*losses(scenario, own)).auc


@OfOneModel
def earlier_requests_auc(scenario: Scenario, own: Outputs) -> float:
    """Compute the AUC of the loss attack on the rows of all requests except the last, against holdout rows."""
    forget, holdout = losses(scenario, own)
    asked = scenario.forget_set
    earlier = np.isin(asked.indices, np.concatenate(asked.requests[:-1]))
    return membership.loss_attack(forget[earlier], holdout).auc


@OfOneModel
def inside_auc(scenario: Scenario, own: Outputs) -> float:
    """Compute the AUC of the loss attack on the part ``inside`` of an unseen request, against holdout rows."""
    inside, holdout = (scenario.task.losses(own[part], scenario.rows[part]) for part in ("inside", "holdout"))
    return membership.loss_attack(inside, holdout).auc


@OfOneModel
def stranger_auc(scenario: Scenario, own: Outputs) -> float:
    """Compute the AUC of the loss attack on rows that stay and stored references know, against kept rows of the pool.

    A model made for the request knows both alike. A model that was prepared without the pool knows the former alone.
    """
    known, kept = (scenario.task.losses(own[part], scenario.rows[part]) for part in ("known", "kept"))
    return membership.loss_attack(known, kept).auc


@OfOneModel
def within_class_auc(scenario: Scenario, own: Outputs) -> float:
    """Compute the AUC of the loss attack over pairs of a forget and a holdout row with the same label, in [0, 1].

    Without a pair of this kind the AUC is 0.5.
    """
    rows = scenario.rows
    of_part = dict(zip(("forget", "holdout"), losses(scenario, own), strict=True))
    labels = {part: rows[part].labels.numpy() for part in of_part}
    won = pairs = 0.0
    for label in np.intersect1d(labels["forget"], labels["holdout"]):
        forget, holdout = (of_part[part][labels[part] == label] for part in ("forget", "holdout"))
        won += membership.loss_attack(forget, holdout).auc * len(forget) * len(holdout)
        pairs += len(forget) * len(holdout)
    return won / pairs if pairs else 0.5


@functools.cache
def _confidences_on(part: str):
    @OfOneModel
    def confidences(scenario: Scenario, own: Outputs) -> np.ndarray:
        return scenario.task.confidences(own[part], scenario.rows[part])

    return confidences


@functools.cache
def standardised_confidences(part: str):
    """Build the statistic that is the confidences on a part, less the mean over holdout rows, in holdout deviations.

    How sure a model is of rows that it never saw, and how much that differs between rows, depends on the recipe and the
    seed: another optimiser or learning rate makes all confidences larger alike. Comparisons of single rows with other
    models are therefore made on this scale. A deviation below ``LEAST_SPREAD`` counts as ``LEAST_SPREAD``.
    """

    @OfOneModel
    def statistic(scenario: Scenario, own: Outputs) -> np.ndarray:
        holdout = _confidences_on("holdout")(scenario, own)
        return (_confidences_on(part)(scenario, own) - holdout.mean()) / max(float(holdout.std()), LEAST_SPREAD)

    return statistic


def _standardised(outputs: Sequence[Outputs], scenario: Scenario, part: str) -> np.ndarray:
    """Return the standardised confidence of each model on each row of a part, float [models, n]."""
    return np.stack([standardised_confidences(part)(scenario, one) for one in outputs])


@AgainstOthers
def lira_scores(scenario: Scenario, own: Outputs, others: Others) -> membership.Attack:
    """Compute the offline LiRA scores of one model on standardised confidences, with the others as out models."""
    forget, holdout = (
        membership.lira_offline(_standardised([own], scenario, part)[0], _standardised(others, scenario, part))
        for part in ("forget", "holdout")
    )
    return membership.Attack(forget, holdout)


@AgainstOthers
def lira_auc(scenario: Scenario, own: Outputs, others: Others) -> float:
    """Compute the AUC of offline LiRA, forget rows against holdout rows, in [0, 1]."""
    return lira_scores(scenario, own, others).auc


@AgainstOthers
def lira_score(scenario: Scenario, own: Outputs, others: Others) -> float:
    """Compute the mean LiRA score of forget rows minus that of holdout rows.

    The unit is the standard deviation of the out models.
    """
    attack = lira_scores(scenario, own, others)
    clip = LIRA_CLIP
    return float(attack.forget.clip(-clip, clip).mean() - attack.holdout.clip(-clip, clip).mean())


@AgainstOthers
def worst_rows_score(scenario: Scenario, own: Outputs, others: Others) -> float:
    """Compute the mean LiRA score of the forget rows with the largest scores, minus that of the holdout rows.

    ``WORST_SHARE`` of the rows of each part counts, and at least one row.
    """
    attack = lira_scores(scenario, own, others)

    def of_worst(scores: np.ndarray) -> float:
        count = max(1, round(WORST_SHARE * len(scores)))
        return float(np.sort(scores.clip(-LIRA_CLIP, LIRA_CLIP))[-count:].mean())

    return of_worst(attack.forget) - of_worst(attack.holdout)


@functools.cache
def stratum_score(low: float, high: float):
    """Build the statistic that is the mean LiRA score of forget rows of some difficulty, less that of holdout rows.

    How easy a row is, is the mean confidence of the others, which never saw it. A stratum has the forget rows between
    two quantiles of it, and the holdout rows in the same range of confidences (``FEWEST_COMPARED`` at least, the
    nearest to the range's middle).

    Args:
        low: quantile at which the stratum begins, in [0, 1).
        high: quantile at which it ends, in (``low``, 1].
    """

    @AgainstOthers
    def statistic(scenario: Scenario, own: Outputs, others: Others) -> float:
        attack = lira_scores(scenario, own, others)
        ease = {part: _standardised(others, scenario, part).mean(axis=0) for part in ("forget", "holdout")}
        order = np.argsort(ease["forget"], kind="stable")
        count = len(order)
        chosen = order[round(low * count) : max(round(high * count), round(low * count) + 1)]
        within = ease["forget"][chosen]
        compared = np.flatnonzero((ease["holdout"] >= within.min()) & (ease["holdout"] <= within.max()))
        if len(compared) < FEWEST_COMPARED:
            distance = np.abs(ease["holdout"] - (within.min() + within.max()) / 2)
            compared = np.argsort(distance, kind="stable")[:FEWEST_COMPARED]
        forget, holdout = attack.forget[chosen], attack.holdout[compared]
        return float(forget.clip(-LIRA_CLIP, LIRA_CLIP).mean() - holdout.clip(-LIRA_CLIP, LIRA_CLIP).mean())

    return statistic


@functools.cache
def _likelihoods_on(part: str):
    @OfOneModel
    def likelihoods(scenario: Scenario, own: Outputs) -> np.ndarray:
        return np.exp(-scenario.task.losses(own[part], scenario.rows[part]))

    return likelihoods


@AgainstOthers
def rmia_score(scenario: Scenario, own: Outputs, others: Others) -> float:
    """Compute the mean RMIA score of the forget rows less a half, in [-0.5, 0.5].

    The population is the holdout rows, and gamma is 1. A row's score is the share of holdout rows that it beats, by
    its likelihood over the mean likelihood in the others.
    """
    (own_forget, own_holdout), (forget, holdout) = (
        [np.stack([_likelihoods_on(part)(scenario, one) for one in models]) for part in ("forget", "holdout")]
        for models in ([own], others)
    )
    scores = membership.rmia(own_forget[0], forget, own_holdout[0], holdout, gamma=1.0)
    return float(scores.mean() - 0.5)


@OfOneModel
def confidence_spread(scenario: Scenario, own: Outputs) -> float:
    """Compute the log of the spread of confidences over forget rows, as a multiple of that over holdout rows.

    The spread is the standard deviation, and at least ``LEAST_SPREAD``.
    """
    forget, holdout = (float(_confidences_on(part)(scenario, own).std()) for part in ("forget", "holdout"))
    return float(np.log(max(forget, LEAST_SPREAD) / max(holdout, LEAST_SPREAD)))


@OfOneModel
def retain_advantage(scenario: Scenario, own: Outputs) -> float:
    """Compute the log of the mean confidence on retain rows minus that on holdout rows, in holdout deviations.

    A difference below ``LEAST_SPREAD`` counts as ``LEAST_SPREAD``.
    """
    return float(np.log(max(LEAST_SPREAD, float(standardised_confidences("retain")(scenario, own).mean()))))


@OfOneModel
def retain_margin(scenario: Scenario, own: Outputs) -> float:
    """Compute the log of the mean confidence on retain rows minus that on holdout rows.

    A difference below ``LEAST_SPREAD`` counts as ``LEAST_SPREAD``.
    """
    retain, holdout = (float(_confidences_on(part)(scenario, own).mean()) for part in ("retain", "holdout"))
    return float(np.log(max(LEAST_SPREAD, retain - holdout)))
