"""Audit single rows: train a population of models with random membership, and unlearn from each.

A random half of the models is trained on each row of a set of targets. Every model then unlearns the targets that it
was trained on. Half of the models have therefore never seen a row, and the other half have unlearned it. Everything
else about them is alike (U-LiRA: Hayes et al. 2024, arXiv 2403.01218; the NeurIPS 2023 unlearning challenge, arXiv
2406.09073).
"""

from __future__ import annotations

import dataclasses
import functools

import numpy as np

from mu_conformance.evidence.base import RunError
from mu_conformance.evidence.budgets import default_budget, step_seconds, with_flops
from mu_conformance.evidence.call_record import judge_call
from mu_conformance.evidence.populations import Populations
from mu_conformance.evidence.runs import Caller, call_spec
from mu_conformance.protocol.claims import Claims
from mu_conformance.protocol.seeding import derive_seed
from mu_conformance.scenarios.scenario import Scenario
from mu_conformance.tasks import Rows, Task

__all__ = ["AUDIT", "Audit", "audit_scenario", "memberships"]

AUDIT = "audit"
"""Part of an audit's name, and kind of its artefacts."""


def audit_scenario(task: Task, ratio: float) -> str:
    """Return the name of a task's audit, such as ``sentiment/audit-10%``."""
    return f"{task.name}/{AUDIT}-{ratio * 100:g}%{task.conditions.suffix}"


def memberships(models: int, rows: int, seed: int) -> np.ndarray:
    """Return which model is trained on which target, bool [models, rows]: each row in exactly half of the models.

    Each row's half is drawn by itself, so that rows are independent. Raises ``ValueError`` for an odd number of models
    or fewer than 2.
    """
    if models < 2 or models % 2:
        raise ValueError(f"an audit takes an even number of models, 2 at least, got {models}")
    generator = np.random.RandomState(derive_seed(seed, "audit"))
    columns = [generator.permutation(models) < models // 2 for _ in range(rows)]
    return np.stack(columns, axis=1)


@dataclasses.dataclass
class Audit:
    """Audits one method on one task.

    Originals are saved, as those of scenarios are. What the method made of them is not: a result from another session
    could be of another method, or planted.
    """

    scenario: Scenario
    """Scenario of a random forget set, whose rows are the targets."""
    models: int
    """Number of models, even."""
    populations: Populations
    """Source and store of the models."""
    method: Caller
    """The isolated method."""
    claims: Claims
    """Claims of the method."""
    secret: str
    """What the seeds of the calls are derived from."""
    device: str = "cpu"
    """Device of the models."""
    time_limit: float | None = None
    """Limit of a call, seconds; None: from what retraining takes."""

    @property
    def task(self) -> Task:
        """Return the scenario's task."""
        return self.scenario.task

    @functools.cached_property
    def included(self) -> np.ndarray:
        """Return which model was trained on which target, bool [models, targets]."""
        return memberships(self.models, len(self.scenario.forget), self.scenario.seed)

    @functools.cached_property
    def confidences(self) -> np.ndarray:
        """Return each unlearned model's confidence in each target, float [models, targets].

        Raises ``RunError`` if a call fails.
        """
        return np.stack([self._confidences(number) for number in range(self.models)])

    def curves(self) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Return each target's confidences under models that unlearned it, and under models that never saw it."""
        columns = list(zip(self.confidences.T, self.included.T, strict=True))
        return [values[inside] for values, inside in columns], [values[~inside] for values, inside in columns]

    @functools.cached_property
    def _seconds(self) -> float:
        """Return the limit of one call, seconds."""
        steps = self.scenario.recipe.steps(len(self.scenario.train))
        budget = default_budget(self.scenario, self.time_limit, steps * step_seconds(self.scenario, device=self.device))
        assert budget.seconds is not None
        return budget.seconds

    def _rows(self, number: int) -> tuple[Rows, Rows, Rows]:
        """Return the rows that the original was trained on, those to be forgotten, and those that then remain."""
        forget = self.scenario.forget_set.indices[self.included[number]]
        gone = self.scenario.forget_set.indices[~self.included[number]]
        train = self.scenario.train
        kept = np.setdiff1d(np.arange(len(train)), self.scenario.forget_set.indices)
        return train.select(np.setdiff1d(np.arange(len(train)), gone)), train.select(forget), train.select(kept)

    def _confidences(self, number: int) -> np.ndarray:
        scenario = self.scenario
        trained_on, forget, retain = self._rows(number)
        populations, name = self.populations, audit_scenario(self.task, scenario.ratio)
        populations.turn_to("audited models", name, number + 1, self.models)
        state, _ = populations.model_state(scenario, trained_on, derive_seed(scenario.seed, "audited", number))
        budget = with_flops(default_budget(scenario, self._seconds, 0.0), scenario, retain, self.device)
        needed = retain if self.claims.needs_retain else None
        seed = derive_seed(self.secret, name, "audited", number)
        spec = call_spec(
            scenario, state, forget, needed, seed, budget, self.device, reads_labels=self.claims.reads_labels
        )
        populations.tell("call", name, number + 1, self.models)
        record, model = judge_call(self.method.call(spec, self._seconds), self.task, spec)
        problems = record.problems()
        if model is None or problems:
            raise RunError(f"audited model {number} on {scenario.name}: {'; '.join(problems[:3])}")
        kept = self.task.outputs(model, scenario.forget, brief=True)
        found = self.task.confidences({name: value.numpy() for name, value in kept.items()}, scenario.forget)
        if not np.isfinite(found).all():
            raise RunError(f"audited model {number} on {scenario.name}: its confidences are NaN or infinite")
        return found.astype(np.float32)
