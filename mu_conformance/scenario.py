"""Scenario: task x kind of forget set x deletion ratio x architecture, drawn from one suite seed."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np

from mu_conformance import forget_sets
from mu_conformance.profiles import Profile
from mu_conformance.seeding import derive_seed
from mu_conformance.task import ClassificationTask, Rows

__all__ = ["DEFAULT_SEED", "Scenario", "scenario_names", "scenarios"]

DEFAULT_SEED = 42


@dataclasses.dataclass(frozen=True)
class Scenario:
    """What is to be forgotten by which model. The forget set is fixed; training seeds vary."""

    task: ClassificationTask
    kind: str
    ratio: float
    architecture: str
    seed: int = DEFAULT_SEED

    @property
    def name(self) -> str:
        return scenario_name(self.task.name, self.kind, self.ratio)

    @functools.cached_property
    def forget_set(self) -> forget_sets.ForgetSet:
        return forget_sets.draw(self.task, self.kind, self.ratio, self.seed)

    @functools.cached_property
    def train(self) -> Rows:
        """What the original was trained on, wrong labels included."""
        chosen, train = self.forget_set, self.task.splits.train
        return train if chosen.trained_labels is None else train.with_labels(chosen.indices, chosen.trained_labels)

    @functools.cached_property
    def forget(self) -> Rows:
        return self.train.select(self.forget_set.indices)

    @functools.cached_property
    def retain(self) -> Rows:
        return self.train.select(np.setdiff1d(np.arange(len(self.train)), self.forget_set.indices))

    @property
    def true_labels(self) -> np.ndarray:
        """The task's own labels of the forget rows, int64 [n]."""
        return self.task.splits.train.labels.numpy()[self.forget_set.indices]

    @property
    def actual_ratio(self) -> float:
        return len(self.forget_set.indices) / len(self.train)

    def original_seed(self, number: int) -> int:
        return derive_seed(self.seed, "original", number)

    def reference_seed(self, number: int) -> int:
        return derive_seed(self.seed, "reference", number)

    def run_seed(self, number: int) -> int:
        return derive_seed(self.seed, "run", self.name, number)


def scenario_name(task: str, kind: str, ratio: float) -> str:
    """Such as ``sentiment/random-10%``; a unit has no ratio of its own choosing."""
    return f"{task}/{kind}" if kind == "unit" else f"{task}/{kind}-{ratio * 100:g}%"


def _kinds(task: ClassificationTask, profile: Profile) -> tuple[str, ...]:
    return task.forget_sets[: profile.forget_sets]


def scenario_names(task: ClassificationTask, profile: Profile) -> list[str]:
    """The names of a task's scenarios under a profile, without touching data."""
    return [scenario_name(task.name, kind, profile.ratio) for kind in _kinds(task, profile)]


def scenarios(task: ClassificationTask, profile: Profile, seed: int, architecture: str | None = None) -> list[Scenario]:
    """A task's scenarios under a profile."""
    chosen = architecture or task.architectures[0]
    return [Scenario(task, kind, profile.ratio, chosen, seed) for kind in _kinds(task, profile)]
