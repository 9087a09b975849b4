"""Define statistics, and cache their values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

import numpy as np

from mu_conformance.evidence.base import Others
from mu_conformance.evidence.outputs import Outputs
from mu_conformance.scenarios.scenario import Scenario

__all__ = ["AgainstOthers", "OfOneModel", "Statistic", "losses", "mean_score"]

Found = TypeVar("Found")
Number = TypeVar("Number", covariant=True)


class Statistic(Protocol[Number]):
    """Map one model's outputs to a number, alone or against the models that it is compared with."""

    def among(self, scenario: Scenario, own: Outputs, others: Others) -> Number:
        """Return the statistic of ``own`` against ``others``, which never hold ``own`` itself."""
        ...


class OfOneModel(Generic[Found]):
    """Wrap a statistic of one model alone, ``f(scenario, outputs)``; computed once for each model.

    The scenario has the task, and the rows of the outputs.
    """

    def __init__(self, function: Callable[[Scenario, Outputs], Found]) -> None:
        self.function = function
        self.__doc__ = function.__doc__

    def __call__(self, scenario: Scenario, own: Outputs) -> Found:
        if self not in own.memo:
            own.memo[self] = self.function(scenario, own)
        return own.memo[self]

    def among(self, scenario: Scenario, own: Outputs, others: Others) -> Found:
        return self(scenario, own)


class AgainstOthers(Generic[Found]):
    """Wrap a statistic of one model against others, ``f(scenario, outputs, others)``; computed once for each pair."""

    def __init__(self, function: Callable[[Scenario, Outputs, Others], Found]) -> None:
        self.function = function
        self.__doc__ = function.__doc__

    def __call__(self, scenario: Scenario, own: Outputs, others: Others) -> Found:
        key = self, id(own)
        if key not in others.memo:
            # The model is kept with its value, because its id could otherwise be reused by another model.
            others.memo[key] = own, self.function(scenario, own, others)
        return others.memo[key][1]

    among = __call__


def mean_score(scenario: Scenario, own: Outputs, part: str) -> float:
    """Return the mean score on the rows of a part, on the task's scale of scores."""
    return float(scenario.task.scores(own[part], scenario.rows[part]).mean())


def losses(scenario: Scenario, own: Outputs) -> tuple[np.ndarray, np.ndarray]:
    """Return the losses of the forget rows and of the holdout rows in nats, float [n_forget] and [n_holdout]."""
    forget, holdout = (scenario.task.losses(own[part], scenario.rows[part]) for part in ("forget", "holdout"))
    return forget, holdout
