"""Evidence: the outputs of originals, references and runs on the rows of one scenario, gathered on demand."""

from __future__ import annotations

import dataclasses
import functools
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
import torch
from scipy.special import softmax
from torch import nn

from mu_conformance import relearning, training
from mu_conformance.call_record import CallRecord, judge_call
from mu_conformance.isolation.job import CallResult, CallSpec
from mu_conformance.profiles import Profile
from mu_conformance.protocol import Budget, Claims
from mu_conformance.scenario import Scenario
from mu_conformance.seeding import derive_seed
from mu_conformance.store import Store, artefact_key
from mu_conformance.task import Rows

__all__ = ["Caller", "Evidence", "EvidenceError", "Outputs", "Populations", "Run", "default_budget"]

TIME_LIMIT_FLOOR = 60.0
TIME_LIMIT_FACTOR = 10.0
EXAMPLES_FACTOR = 10
COPY_SHARE = 0.2
"""A run closer to a reference than this share of the closest two references' distance was not trained on its own."""


class EvidenceError(RuntimeError):
    """Evidence cannot be gathered, so the checks that rest on it are errors, never passes."""


class Caller(Protocol):
    """What evidence needs of the isolated method."""

    def call(self, spec: CallSpec, seconds: float) -> CallResult: ...


@dataclasses.dataclass(frozen=True)
class Outputs:
    """Class logits of one model, float32 [rows, classes]; the relearnt ones after a short fine-tune (``relearning``)."""

    forget: np.ndarray
    holdout: np.ndarray
    retain: np.ndarray
    test: np.ndarray
    relearnt_retain_forget: np.ndarray
    relearnt_retain_holdout: np.ndarray
    relearnt_few_forget: np.ndarray
    relearnt_few_holdout: np.ndarray

    @classmethod
    def of(cls, model: nn.Module, scenario: Scenario) -> Outputs:
        task, holdout = scenario.task, scenario.task.splits.holdout
        parts = {
            "forget": task.logits(model, scenario.forget),
            "holdout": task.logits(model, holdout),
            "retain": task.logits(model, scenario.retain),
            "test": task.logits(model, scenario.task.splits.test),
        }
        for attack in relearning.ATTACKS:
            relearnt = relearning.relearn(attack, model, task, scenario.forget, scenario.retain)
            parts[f"relearnt_{attack}_forget"] = task.logits(relearnt, scenario.forget)
            parts[f"relearnt_{attack}_holdout"] = task.logits(relearnt, holdout)
        return cls(**{name: part.numpy() for name, part in parts.items()})

    def tensors(self) -> dict[str, torch.Tensor]:
        return {field.name: torch.from_numpy(getattr(self, field.name)) for field in dataclasses.fields(self)}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, torch.Tensor]) -> Outputs:
        return cls(**{name: tensor.numpy() for name, tensor in tensors.items()})


@dataclasses.dataclass(frozen=True)
class Run:
    """One call of the method on one original: what came back, and the outputs of its weights if they are usable."""

    number: int
    call: CallResult
    record: CallRecord
    outputs: Outputs | None
    problems: tuple[str, ...]


class Populations:
    """The originals and references of scenarios, from the store or trained into it."""

    def __init__(self, store: Store, progress: Callable[[str], None] | None = None) -> None:
        self.store = store
        self.progress = progress or (lambda _: None)

    def _model_description(self, scenario: Scenario, rows: Rows, seed: int) -> dict[str, Any]:
        task = scenario.task
        return {
            "kind": "model",
            "training": training.VERSION,
            "task": task.name,
            "version": task.version,
            "architecture": scenario.architecture,
            "recipe": dataclasses.asdict(task.recipe),
            "rows": rows.digest(),
            "seed": seed,
        }

    def model_key(self, scenario: Scenario, rows: Rows, seed: int) -> str:
        """The address of the recipe's model trained on ``rows`` with ``seed``."""
        return artefact_key(self._model_description(scenario, rows, seed))

    def _train(self, scenario: Scenario, rows: Rows, seed: int) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
        task = scenario.task
        started, cpu = time.perf_counter(), time.process_time()
        model = task.new_model(seed, scenario.architecture)
        training.fit(model, rows, task, task.recipe, derive_seed(seed, "order"))
        self.progress(f"trained {scenario.task.name} on {len(rows)} rows")
        seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu
        info = {"seconds": round(seconds, 3), "cpu_seconds": round(cpu_seconds, 3), "rows": len(rows)}
        return {name: tensor.clone() for name, tensor in model.state_dict().items()}, info

    def model_state(self, scenario: Scenario, rows: Rows, seed: int) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
        """The weights of the recipe's model trained on ``rows``, and what training took."""
        description = self._model_description(scenario, rows, seed)
        artefact = self.store.get(description, lambda: self._train(scenario, rows, seed))
        return artefact.tensors, artefact.info

    def _outputs(self, scenario: Scenario, rows: Rows, seed: int) -> Outputs:
        splits = scenario.task.splits
        description = {
            "kind": "outputs",
            "model": self.model_key(scenario, rows, seed),
            "forget": scenario.forget.digest(),
            "retain": scenario.retain.digest(),
            "holdout": splits.holdout.digest(),
            "test": splits.test.digest(),
            "relearning": relearning.recipe_record(),
        }

        def build() -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
            state, info = self.model_state(scenario, rows, seed)
            model = scenario.task.new_model(0, scenario.architecture)
            model.load_state_dict(state)
            return Outputs.of(model, scenario).tensors(), {"training": info}

        return Outputs.from_tensors(self.store.get(description, build).tensors)

    def original_state(self, scenario: Scenario, number: int) -> dict[str, torch.Tensor]:
        """The weights of the original with that number, trained on every row."""
        return self.model_state(scenario, scenario.train, scenario.original_seed(number))[0]

    def original(self, scenario: Scenario, number: int) -> Outputs:
        return self._outputs(scenario, scenario.train, scenario.original_seed(number))

    def reference(self, scenario: Scenario, number: int) -> Outputs:
        return self._outputs(scenario, scenario.retain, scenario.reference_seed(number))


def step_seconds(scenario: Scenario, steps: int = 6) -> float:
    """CPU seconds of one training step of the recipe on this machine, the median of a few (packs come from another)."""
    task, durations = scenario.task, []
    model = task.new_model(0, scenario.architecture)
    last = time.process_time()

    def tick(_: int) -> None:
        nonlocal last
        now = time.process_time()
        durations.append(now - last)
        last = now

    rows = scenario.retain.select(range(min(len(scenario.retain), steps * task.recipe.batch_size)))
    training.fit(model, rows, task, dataclasses.replace(task.recipe, epochs=1), 0, after_step=tick)
    return float(np.median(durations))


def default_budget(scenario: Scenario, time_limit: float | None, retrain_s: float) -> Budget:
    """Ten times what retraining takes, and at least a minute of it."""
    seconds = time_limit if time_limit is not None else max(TIME_LIMIT_FLOOR, TIME_LIMIT_FACTOR * retrain_s)
    examples = EXAMPLES_FACTOR * scenario.task.recipe.epochs * len(scenario.train)
    return Budget(seconds=seconds, examples=examples)


class Evidence:
    """The evidence of one scenario: fixed populations, and as many runs as the checks ask for.

    ``originals`` and ``references`` are lists of ``Outputs``; ``runs(n)`` calls the method until there are ``n``.
    """

    def __init__(
        self,
        scenario: Scenario,
        populations: Populations,
        method: Caller,
        profile: Profile,
        claims: Claims,
        *,
        device: str = "cpu",
        time_limit: float | None = None,
    ) -> None:
        self.scenario = scenario
        self.populations = populations
        self.method = method
        self.profile = profile
        self.claims = claims
        self.device = device
        self.time_limit = time_limit
        self._runs: list[Run] = []
        self.evaluation_s = 0.0

    @functools.cached_property
    def references(self) -> list[Outputs]:
        return [self.populations.reference(self.scenario, k) for k in range(self.profile.references)]

    @functools.cached_property
    def originals(self) -> list[Outputs]:
        """The originals of the first look (two at least): what the gap and the fixture power are measured with."""
        return [self.populations.original(self.scenario, j) for j in range(max(2, self.profile.looks[0]))]

    @functools.cached_property
    def retrain_cpu_s(self) -> float:
        """CPU seconds that retraining takes on this machine: its steps times the seconds of a step."""
        steps = self.scenario.task.recipe.steps(len(self.scenario.retain))
        return steps * step_seconds(self.scenario)

    @functools.cached_property
    def retrain_examples(self) -> int:
        """Rows that retraining reads."""
        return self.scenario.task.recipe.epochs * len(self.scenario.retain)

    @property
    def labels(self) -> np.ndarray:
        """Labels of the forget rows as the original was trained on them, int64 [n]."""
        return self.scenario.forget.labels.numpy()

    @property
    def holdout_labels(self) -> np.ndarray:
        return self.scenario.task.splits.holdout.labels.numpy()

    @property
    def test_labels(self) -> np.ndarray:
        return self.scenario.task.splits.test.labels.numpy()

    @property
    def retain_labels(self) -> np.ndarray:
        return self.scenario.retain.labels.numpy()

    @functools.cached_property
    def budget(self) -> Budget:
        return default_budget(self.scenario, self.time_limit, self.retrain_cpu_s)

    def records(self, count: int) -> list[Run]:
        """At least ``count`` runs, whatever came of them; a crash stops the calling, for the next would crash too."""
        while len(self._runs) < count and not (self._runs and self._runs[-1].call.crashed):
            self._runs.append(self._run(len(self._runs)))
        return self._runs

    def runs(self, count: int) -> list[Outputs]:
        """The outputs of ``count`` runs; ``EvidenceError`` if any of them cannot be judged."""
        outputs = []
        for run in self.records(count)[:count]:
            if run.outputs is None:
                raise EvidenceError(f"run {run.number} on {self.scenario.name}: {'; '.join(run.problems[:3])}")
            outputs.append(run.outputs)
        return outputs

    def _run(self, number: int) -> Run:
        scenario = self.scenario
        spec = CallSpec(
            task_ref=scenario.task.ref,
            architecture=scenario.architecture,
            recipe=scenario.task.recipe,
            state=self.populations.original_state(scenario, number),
            forget=scenario.forget,
            retain=scenario.retain if self.claims.needs_retain else None,
            seed=scenario.run_seed(number),
            ambient_seed=derive_seed(scenario.run_seed(number), "ambient"),
            device=self.device,
            budget=self.budget,
        )
        assert self.budget.seconds is not None
        call = self.method.call(spec, self.budget.seconds)
        started = time.perf_counter()
        run = self._judge(number, call)
        self.evaluation_s += time.perf_counter() - started
        return run

    @functools.cached_property
    def _reference_probabilities(self) -> np.ndarray:
        return softmax(np.stack([reference.holdout for reference in self.references]), axis=-1)

    @functools.cached_property
    def _closest_references(self) -> float:
        """The smallest distance between two references: mean absolute difference of holdout probabilities."""
        known = self._reference_probabilities
        return min(float(np.abs(known[k] - known[k + 1 :]).mean(axis=(1, 2)).min()) for k in range(len(known) - 1))

    def _copied(self, outputs: Outputs) -> str | None:
        """Why the outputs are taken for those of a stored reference: far closer to it than any two references are.

        Where all trainings end in the same place (a convex task), none is closer than the others and nothing is said.
        """
        own = softmax(outputs.holdout, axis=-1)
        distances = np.abs(self._reference_probabilities - own).mean(axis=(1, 2))
        nearest = int(distances.argmin())
        if distances[nearest] < COPY_SHARE * self._closest_references:
            return (
                f"the returned model agrees with stored reference {nearest} to {distances[nearest]:.2g} in probability, "
                f"where no two references are closer than {self._closest_references:.2g}: it was taken, not trained"
            )
        return None

    def _judge(self, number: int, call: CallResult) -> Run:
        scenario = self.scenario
        record, model = judge_call(
            call, scenario.task, scenario.architecture, scenario.forget, scenario.retain, self.budget
        )
        slim = dataclasses.replace(call, state={}, probe=None)
        record = dataclasses.replace(record, call=slim)
        if model is None or record.not_finite:
            return Run(number, slim, record, None, record.problems())
        outputs = Outputs.of(model, scenario)
        record = dataclasses.replace(record, copied=self._copied(outputs))
        if not all(np.isfinite(getattr(outputs, field.name)).all() for field in dataclasses.fields(outputs)):
            return Run(number, slim, record, None, ("its outputs are NaN or infinite",))
        return Run(number, slim, record, outputs, ())
