"""Take evidence of models alone: originals and references from the store, and no method to call."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence

import numpy as np

from mu_conformance.decision.outcome import Fault
from mu_conformance.evidence.base import Evidence, EvidenceError, Retraining, UnseenRequests
from mu_conformance.evidence.outputs import Outputs
from mu_conformance.evidence.populations import Populations
from mu_conformance.evidence.runs import Run
from mu_conformance.protocol.seeding import derive_seed
from mu_conformance.scenarios.profiles import Profile
from mu_conformance.scenarios.scenario import Scenario

__all__ = ["StoredEvidence"]

AS_GOOD = 0.03
"""Largest tolerated drop of the test score by a recipe of the author's, in the score's own units."""
COMPARED = 8
"""Number of references by the task's own recipe, with which those of the author's are compared."""


class RecipeError(EvidenceError):
    """Raised when the author's recipe gives models that are not as good as the task's; the method is at fault."""

    fault = Fault.METHOD


_NO_METHOD = "there is no method to call"


class StoredEvidence(Evidence):
    """Takes originals and references from the store, or trains them into it. Every question about runs is an error."""

    def __init__(self, scenario: Scenario, populations: Populations, profile: Profile, *, device: str = "cpu") -> None:
        super().__init__(scenario, profile)
        self.populations, self.device = populations, device

    @functools.cached_property
    def references(self) -> list[Outputs]:
        found, count = [], self.profile.references
        for k in range(count):
            self.populations.turn_to("references", self.scenario.name, k + 1, count)
            found.append(self.populations.reference(self.scenario, k))
        self.populations.tell("measuring", self.scenario.name, 0, 0)
        if self.scenario.retraining:
            self._require_as_good(found)
        return found

    def _require_as_good(self, references: Sequence[Outputs]) -> None:
        """Raise ``RecipeError`` if the author's recipe gives models that score lower than the task's own recipe does.

        Anything would pass against references of no use.
        """
        own = dataclasses.replace(self.scenario, retraining=())
        given, usual = (
            np.array([self._test_score(one) for one in models])
            for models in (references, [self.populations.reference(own, k) for k in range(COMPARED)])
        )
        if given.mean() < usual.mean() - AS_GOOD:
            raise RecipeError(
                f"{self.scenario.name}: references by the recipe that was given score {given.mean():.3f} on test rows, "
                f"by the task's own {usual.mean():.3f}: a recipe that is not as good (within {AS_GOOD:g}) proves "
                "nothing"
            )

    def _test_score(self, model: Outputs) -> float:
        return float(self.task.scores(model["test"], self.scenario.rows["test"]).mean())

    @functools.cached_property
    def originals(self) -> list[Outputs]:
        found, count = [], max(2, self.profile.looks[0])
        for j in range(count):
            self.populations.turn_to("originals", self.scenario.name, j + 1, count)
            found.append(self.populations.original(self.scenario, j))
        self.populations.tell("measuring", self.scenario.name, 0, 0)
        return found

    @functools.cached_property
    def untrained(self) -> Outputs:
        scenario = self.scenario
        model = self.task.new_model(derive_seed(scenario.seed, "untrained"), scenario.architecture)
        return Outputs.of(model.to(self.device), scenario)

    def runs(self, count: int) -> list[Outputs]:
        raise EvidenceError(_NO_METHOD)

    @property
    def unseen(self) -> UnseenRequests:
        raise EvidenceError(_NO_METHOD)

    def few_rows_runs(self, requests: Sequence[np.ndarray]) -> list[Outputs]:
        raise EvidenceError(_NO_METHOD)

    def records(self, count: int) -> list[Run]:
        raise EvidenceError(_NO_METHOD)

    @property
    def retraining(self) -> Retraining:
        raise EvidenceError(_NO_METHOD)

    def flops_share(self, run: Run) -> float | None:
        raise EvidenceError(_NO_METHOD)
