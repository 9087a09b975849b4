"""Evidence made by hand: models are whatever a test's statistics read; nothing is trained."""

from __future__ import annotations

import types
from collections.abc import Callable, Sequence
from typing import Any

from mu_conformance.checks.power import Power, fixture_power
from mu_conformance.checks.statistics.forgetting import FORGETTING
from mu_conformance.evidence.base import Evidence
from mu_conformance.scenarios.profiles import PROFILES


def nothing(count: Any) -> list[Any]:
    raise AssertionError("no runs of this kind were to be asked for")


class HandMade(Evidence):
    """Originals, references and runs as given; ``measure`` is the sharpest, with more power than is required."""

    def __init__(
        self,
        *,
        references: Sequence[Any] = (),
        originals: Sequence[Any] = (),
        runs: Callable[[int], list[Any]] = nothing,
        unseen: Any = None,
        few_rows_runs: Callable[[Any], list[Any]] = nothing,
        scenario: Any = None,
        task: Any = None,
        untrained: Any = None,
        profile: Any = PROFILES["smoke"],
        measure: str = "loss attack AUC",
        outcomes_only: bool = False,
    ) -> None:
        if scenario is None:
            scenario = types.SimpleNamespace(name="toy", rows={"forget": None}, task=task)
        super().__init__(scenario, profile)
        self._parts = list(references), list(originals), untrained
        self._runs, self._unseen, self._few_rows_runs = runs, unseen, few_rows_runs
        self.outcomes_only = outcomes_only  # type: ignore[misc]
        self.once(fixture_power, lambda _: Power(measure, FORGETTING[measure], 40.0))

    @property
    def references(self) -> list[Any]:
        return self._parts[0]

    @property
    def originals(self) -> list[Any]:
        return self._parts[1]

    @property
    def untrained(self) -> Any:
        return self._parts[2]

    def runs(self, count: int) -> list[Any]:
        return self._runs(count)

    @property
    def unseen(self) -> Any:
        if self._unseen is None:
            raise AssertionError("no unseen requests were to be asked for")
        return self._unseen

    def few_rows_runs(self, requests: Sequence[Any]) -> list[Any]:
        return self._few_rows_runs(requests)

    def records(self, count: int) -> list[Any]:
        raise AssertionError("no method was called")

    @property
    def retraining(self) -> Any:
        raise AssertionError("no method was called")

    def flops_share(self, run: Any) -> float | None:
        raise AssertionError("no method was called")


class Given:
    """A statistic that reads a number off a model."""

    def __init__(self, read: Callable[[Any], float] = float) -> None:
        self.read = read

    def among(self, scenario: Any, own: Any, others: Any) -> float:
        return self.read(own)

    def __call__(self, scenario: Any, own: Any) -> float:
        return self.read(own)
