"""Define scenarios: task x kind of forget set x deletion ratio x architecture, drawn from one suite seed."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import ClassVar

import numpy as np

from mu_conformance.protocol.recipe import Overrides, TrainingRecipe
from mu_conformance.protocol.seeding import derive_seed
from mu_conformance.scenarios import forget_sets
from mu_conformance.scenarios.profiles import Profile
from mu_conformance.tasks import Rows, Task

__all__ = ["DEFAULT_SEED", "Estimate", "Scenario", "scenario_names", "scenarios"]

DEFAULT_SEED = 42
"""Suite seed of the reference packs."""

Estimate = Callable[[Task, str, int], np.ndarray]
"""Memorization estimates of a task's training rows, for an architecture and a suite seed (``memorization``)."""


@dataclasses.dataclass(frozen=True)
class Scenario:
    """Names what is to be forgotten by which model. The forget set is fixed; training seeds vary."""

    brief_parts: ClassVar[tuple[str, ...]] = ("holdout",)
    """Parts of which only losses and confidences are measured, because nothing but the attacks reads them."""

    task: Task
    """The task, under its conditions."""
    kind: str
    """Kind of forget set."""
    ratio: float
    """Deletion ratio."""
    architecture: str
    """Name of the task's architecture."""
    seed: int = DEFAULT_SEED
    """Suite seed, from which all others are derived."""
    estimate: Estimate | None = dataclasses.field(default=None, compare=False)
    """Source of memorization estimates, needed only by the kind ``memorized``."""
    retraining: Overrides = ()
    """Fields in which the recipe of the references differs from that of the originals."""

    @property
    def name(self) -> str:
        """Return the name, such as ``sentiment/random-10%``."""
        return scenario_name(self.task, self.kind, self.ratio)

    @functools.cached_property
    def forget_set(self) -> forget_sets.ForgetSet:
        """Return the forget set."""
        task, estimate = self.task, self.estimate
        memorization = None if estimate is None else lambda: estimate(task, self.architecture, self.seed)
        return forget_sets.draw(task, self.kind, self.ratio, self.seed, memorization)

    @property
    def recipe(self) -> TrainingRecipe:
        """Return the recipe of originals and references."""
        return self.task.recipe_for(self.architecture)

    @functools.cached_property
    def retrained(self) -> Scenario:
        """Return the scenario with the recipe of the references as the task's own."""
        if not self.retraining:
            return self
        return dataclasses.replace(self, task=self.task.by_recipe(self.retraining), retraining=())

    @functools.cached_property
    def train(self) -> Rows:
        """Return the rows that the original was trained on, with wrong labels and triggers."""
        chosen, train = self.forget_set, self.task.splits.train
        if chosen.triggered:
            train = train.replaced(chosen.indices, self.task.triggered(train.select(chosen.indices)))
        return train if chosen.trained_labels is None else train.with_labels(chosen.indices, chosen.trained_labels)

    @functools.cached_property
    def forget(self) -> Rows:
        """Return the rows to be deleted, as the original was trained on them."""
        return self.train.select(self.forget_set.indices)

    @functools.cached_property
    def retain(self) -> Rows:
        """Return the other training rows."""
        return self.train.select(np.setdiff1d(np.arange(len(self.train)), self.forget_set.indices))

    @functools.cached_property
    def forget_as_labelled(self) -> Rows:
        """Return the forget rows with the task's own labels, whatever the original was trained on."""
        return self.task.splits.train.select(self.forget_set.indices)

    @functools.cached_property
    def requests(self) -> list[tuple[Rows, Rows]]:
        """Return the deletion requests in turn: the rows to forget, and the rows that remain after the request."""
        gone = np.empty(0, dtype=np.int64)
        found = []
        for asked in self.forget_set.requests:
            gone = np.union1d(gone, asked)
            kept = np.setdiff1d(np.arange(len(self.train)), gone)
            found.append((self.train.select(asked), self.train.select(kept)))
        return found

    @functools.cached_property
    def rows(self) -> dict[str, Rows]:
        """Return the rows on which every model is measured, by part."""
        splits, limit = self.task.splits, self.task.measured_retain_rows
        retain = self.retain if limit is None else self.retain.select(range(min(limit, len(self.retain))))
        found = {"forget": self.forget, "retain": retain, "holdout": splits.holdout, "test": splits.test}
        if splits.ood is not None:
            found["ood"] = splits.ood
        if self.forget_set.triggered:
            found["triggered"] = self._triggered_test
        return found

    @property
    def _triggered_test(self) -> Rows:
        """Return the test rows of other classes with the trigger, labelled as the backdoor has it.

        The score on these rows is the backdoor's success rate.
        """
        test, label = self.task.splits.test, self.task.trigger_label
        found = self.task.triggered(test.select(np.flatnonzero(test.labels.numpy() != label)))
        return found.with_labels(np.arange(len(found)), np.full(len(found), label))

    @functools.cached_property
    def actual_ratio(self) -> float:
        """Return the share of the training rows that the largest single request names."""
        return forget_sets.largest_share(self.task, self.kind, self.ratio, self.seed)

    def original_seed(self, number: int) -> int:
        """Return the training seed of the original with that number."""
        return derive_seed(self.seed, "original", number)

    def reference_seed(self, number: int) -> int:
        """Return the training seed of the reference with that number."""
        return derive_seed(self.seed, "reference", number)


def scenario_name(task: Task, kind: str, ratio: float) -> str:
    """Return a scenario's name, such as ``sentiment/random-10%``, with its conditions.

    A unit's name has no ratio, because the ratio is the unit's own.
    """
    asked = kind if kind == "unit" else f"{kind}-{ratio * 100:g}%"
    return f"{task.name}/{asked}{task.conditions.suffix}"


def _kinds(task: Task, profile: Profile) -> tuple[str, ...]:
    return task.forget_sets if profile.every_kind else task.forget_sets[: task.quick_kinds]


def scenario_names(task: Task, profile: Profile) -> list[str]:
    """Return the names of a task's scenarios under a profile, without touching data."""
    return [scenario_name(task, kind, profile.ratio) for kind in _kinds(task, profile)]


def scenarios(
    task: Task,
    profile: Profile,
    seed: int,
    architecture: str | None = None,
    estimate: Estimate | None = None,
    retraining: Overrides = (),
) -> list[Scenario]:
    """Return a task's scenarios under a profile.

    Args:
        task: the task.
        profile: the profile.
        seed: suite seed.
        architecture: name of the architecture; None: the task's first.
        estimate: source of memorization estimates, needed to draw memorized forget sets but not to name them.
        retraining: fields in which the recipe of the references differs from that of the originals.
    """
    chosen = architecture or task.architectures[0]
    return [Scenario(task, kind, profile.ratio, chosen, seed, estimate, retraining) for kind in _kinds(task, profile)]
