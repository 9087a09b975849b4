"""Evidence: the outputs of originals, references and runs on the rows of one scenario, gathered on demand."""

from __future__ import annotations

import dataclasses
import functools
import secrets
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from torch import nn

from mu_conformance.conditions.flops import counted
from mu_conformance.evidence.call_record import CallRecord, judge_call
from mu_conformance.evidence.outputs import NotFinite, Outputs
from mu_conformance.evidence.populations import Populations
from mu_conformance.isolation.call import CallResult, CallSpec
from mu_conformance.protocol import Budget, Claims
from mu_conformance.protocol.seeding import derive_seed, seeded
from mu_conformance.scenarios.profiles import Profile
from mu_conformance.scenarios.scenario import Scenario
from mu_conformance.tasks import Rows, Task
from mu_conformance.training import loop as training

__all__ = ["Caller", "Evidence", "EvidenceError", "Run", "call_spec", "default_budget", "step_seconds", "with_flops"]

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
class Run:
    """The method on one original: a record of each request's call, and the outputs of the weights that came back last.

    ``outputs`` is None where they cannot be judged; ``problems`` says why.
    """

    number: int
    records: tuple[CallRecord, ...]
    outputs: Outputs | None
    problems: tuple[str, ...]

    @property
    def crashed(self) -> bool:
        """Nothing can be measured, and the method did not say so by breaking the protocol."""
        return self.records[-1].call.crashed

    def total(self, figure: Callable[[CallResult], float]) -> float:
        """A figure of the calls, summed over the requests."""
        return sum(figure(record.call) for record in self.records)


def step_seconds(scenario: Scenario, steps: int = 6, device: str = "cpu") -> float:
    """CPU seconds of one training step of the recipe on this machine, the median of a few (packs come from another)."""
    task, recipe, durations = scenario.task, scenario.recipe, []
    model = task.new_model(0, scenario.architecture).to(device)
    last = time.process_time()

    def tick(_: int) -> None:
        nonlocal last
        now = time.process_time()
        durations.append(now - last)
        last = now

    rows = scenario.retain.select(range(min(len(scenario.retain), steps * recipe.batch_size)))
    with seeded(0):
        training.fit(model, rows, task, dataclasses.replace(recipe, epochs=1), 0, after_step=tick)
    return float(np.median(durations))


def retrain_flops(scenario: Scenario, retain: Rows, device: str = "cpu") -> float:
    """FLOPs of retraining on ``retain``: those of the recipe's loss on one batch, forwards and backwards, for each row."""
    task, recipe = scenario.task, scenario.recipe
    model = task.new_model(0, scenario.architecture).to(device).train()
    rows = retain.select(range(min(len(retain), recipe.batch_size)))
    (batch,) = rows.batches(len(rows))
    on_device = {name: column.to(device) for name, column in batch.items()}
    with seeded(0):
        of_batch = counted(lambda: task.training_loss(model, on_device).backward())
    return of_batch / len(rows) * recipe.epochs * len(retain)


def default_budget(scenario: Scenario, time_limit: float | None, retrain_s: float) -> Budget:
    """Ten times what retraining takes, and at least a minute of it."""
    seconds = time_limit if time_limit is not None else max(TIME_LIMIT_FLOOR, TIME_LIMIT_FACTOR * retrain_s)
    examples = EXAMPLES_FACTOR * scenario.recipe.epochs * len(scenario.train)
    return Budget(seconds=seconds, examples=examples)


def with_flops(budget: Budget, scenario: Scenario, retain: Rows, device: str = "cpu") -> Budget:
    """The budget with the FLOPs that the task's conditions allow of what retraining on ``retain`` takes, if they say.

    Raises ``EvidenceError`` where that is less than a step.
    """
    share = scenario.task.conditions.budget
    if share is None:
        return budget
    steps = scenario.recipe.steps(len(retain))
    if share * steps < 1:
        raise EvidenceError(
            f"a budget of {share:g} is less than one of the {steps} steps that retraining takes on "
            f"{scenario.name}; give --mu-budget {1 / steps:.2g} or more"
        )
    return dataclasses.replace(budget, flops=share * retrain_flops(scenario, retain, device))


def call_spec(
    scenario: Scenario,
    state: dict[str, torch.Tensor],
    forget: Rows,
    retain: Rows | None,
    seed: int,
    budget: Budget,
    device: str = "cpu",
) -> CallSpec:
    """One call on a scenario's model with the weights ``state``."""
    return CallSpec(
        task_ref=scenario.task.ref,
        conditions=scenario.task.conditions,
        architecture=scenario.architecture,
        recipe=scenario.recipe,
        state=state,
        forget=forget,
        retain=retain,
        seed=seed,
        ambient_seed=derive_seed(seed, "ambient"),
        device=device,
        budget=budget,
    )


class Evidence:
    """The evidence of one scenario: fixed populations, and as many runs as the checks ask for.

    ``outcomes_only``: nothing is wanted that is reported and decides nothing. ``originals`` and ``references`` are lists of ``Outputs``; ``runs(n)`` calls the method until there are ``n``. ``memo`` is
    for what is computed of originals and references once.
    """

    outcomes_only = False

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
        self.memo: dict[Any, Any] = {}
        self._runs: list[Run] = []
        self._unseen: list[Run] = []
        self.small_runs: list[Run] = []
        """Those of ``few_rows_runs`` so far."""
        self._loading_s = 0.0

    @functools.cached_property
    def references(self) -> list[Outputs]:
        return [self.populations.reference(self.scenario, k) for k in range(self.profile.references)]

    @functools.cached_property
    def originals(self) -> list[Outputs]:
        """The originals of the first look (two at least): what the gap and the fixture power are measured with."""
        return [self.populations.original(self.scenario, j) for j in range(max(2, self.profile.looks[0]))]

    @functools.cached_property
    def untrained(self) -> Outputs:
        """A model with the weights that training begins with; measured part by part, as it is asked for."""
        scenario = self.scenario
        model = self.task.new_model(derive_seed(scenario.seed, "untrained"), scenario.architecture)
        return Outputs.of(model.to(self.device), scenario)

    @functools.cached_property
    def retrain_cpu_s(self) -> float:
        """CPU seconds that retraining takes on this machine: its steps times the seconds of a step, for each request."""
        recipe = self.scenario.recipe
        steps = sum(recipe.steps(len(retain)) for _, retain in self.scenario.requests)
        return steps * step_seconds(self.scenario, device=self.device)

    @functools.cached_property
    def retrain_examples(self) -> int:
        """Rows that retraining reads, for each request."""
        return self.scenario.recipe.epochs * sum(len(retain) for _, retain in self.scenario.requests)

    @functools.cached_property
    def model_mib(self) -> float:
        """What the weights and buffers of a model take."""
        state = self.populations.original_state(self.scenario, 0)
        return sum(tensor.nbytes for tensor in state.values()) / 2**20

    @functools.cached_property
    def data_mib(self) -> float:
        """What the training rows take."""
        return sum(column.nbytes for column in self.scenario.train.columns.values()) / 2**20

    @property
    def task(self) -> Task:
        return self.scenario.task

    @functools.cached_property
    def budget(self) -> Budget:
        return default_budget(self.scenario, self.time_limit, self.retrain_cpu_s)

    @functools.cached_property
    def budgets(self) -> list[Budget]:
        """The budget of each request in turn: of FLOPs, a share of what retraining on that request's rows takes."""
        return [with_flops(self.budget, self.scenario, retain, self.device) for _, retain in self.scenario.requests]

    def records(self, count: int) -> list[Run]:
        """At least ``count`` runs, whatever came of them; a crash stops the calling, for the next would crash too."""
        while len(self._runs) < count and not (self._runs and self._runs[-1].crashed):
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

    def flops_share(self, run: Run) -> float | None:
        """FLOPs of a run as a share of retraining's; None where nothing counted them (no ``--mu-budget``) or a call failed."""
        share = self.task.conditions.budget
        calls = [record.call for record in run.records]
        spent = [call.report["flops"] for call in calls if call.returned and call.report.get("flops") is not None]
        if share is None or len(spent) < len(self.budgets):
            return None
        return share * sum(spent) / sum(budget.flops or 0.0 for budget in self.budgets)

    def unseen_runs(self, count: int) -> list[Outputs]:
        """Outputs of ``count`` runs on originals that nobody has seen before: trained now, from seeds that nothing foretells.

        ``EvidenceError`` if any of them cannot be judged.
        """
        scenario, outputs = self.scenario, []
        while len(self._unseen) < count:
            secret = secrets.randbits(48)
            state = self.populations.unstored_state(scenario, scenario.train, derive_seed(secret, "original"))
            seed_of = functools.partial(derive_seed, secret, "run")
            self._unseen.append(self._follow(-1, state, seed_of, scenario.requests, self.budgets, whole=False))
        for run in self._unseen[:count]:
            if run.outputs is None:
                raise EvidenceError(f"a run on an unseen original of {scenario.name}: {'; '.join(run.problems[:3])}")
            outputs.append(run.outputs)
        return outputs

    def few_rows_runs(self, requests: Sequence[np.ndarray]) -> list[Outputs]:
        """Outputs of a run for each request, given as numbers of forget rows; all others stay in the retain set.

        Each on the original with the run's number. ``EvidenceError`` if any of them cannot be judged.
        """
        scenario, outputs = self.scenario, []
        for number, rows in enumerate(requests):
            gone = scenario.forget_set.indices[rows]
            if number == len(self.small_runs):
                retain = scenario.train.select(np.setdiff1d(np.arange(len(scenario.train)), gone))
                state = self.populations.original_state(scenario, number)
                seed_of = functools.partial(derive_seed, scenario.run_seed(number), "few rows")
                request, budget = (
                    (scenario.train.select(gone), retain),
                    with_flops(self.budget, scenario, retain, self.device),
                )
                self.small_runs.append(self._follow(number, state, seed_of, [request], [budget], whole=False))
            run = self.small_runs[number]
            if run.outputs is None:
                asked = ", ".join(map(str, gone))
                raise EvidenceError(
                    f"run {number} on {scenario.name}, asked to forget training row {asked} alone: "
                    f"{'; '.join(run.problems[:3])}"
                )
            outputs.append(run.outputs)
        return outputs

    def _run(self, number: int) -> Run:
        state = self.populations.original_state(self.scenario, number)
        # Whole for the first look, which every check reads: outputs that no check reads must be finite too.
        whole = self.task.measured_at_once or number < self.profile.looks[0]
        seed_of = functools.partial(self.scenario.run_seed, number)
        return self._follow(number, state, seed_of, self.scenario.requests, self.budgets, whole=whole)

    def _follow(
        self,
        number: int,
        state: dict[str, torch.Tensor],
        seed_of: Callable[[int], int],
        requests: Sequence[tuple[Rows, Rows]],
        budgets: Sequence[Budget],
        *,
        whole: bool,
    ) -> Run:
        """The requests in turn on one original, each with the seed that its turn has."""
        scenario = self.scenario
        records: list[CallRecord] = []
        model: nn.Module | None = None
        for turn, ((forget, retain), budget) in enumerate(zip(requests, budgets, strict=True)):
            seed = seed_of(turn)
            needed = retain if self.claims.needs_retain else None
            spec = call_spec(scenario, state, forget, needed, seed, budget, self.device)
            assert self.budget.seconds is not None
            call = self.method.call(spec, self.budget.seconds)
            started = time.perf_counter()
            record, model = judge_call(call, scenario.task, spec)
            records.append(dataclasses.replace(record, call=dataclasses.replace(call, state={}, probe=None)))
            self._loading_s += time.perf_counter() - started
            if model is None or record.not_finite:
                return Run(number, tuple(records), None, record.problems())
            state = call.state
        assert model is not None
        outputs = Outputs.of(model, scenario)
        try:
            if whole:
                outputs.tensors()
            records[-1] = dataclasses.replace(records[-1], copied=self._copied(outputs))
        except NotFinite as error:
            return Run(number, tuple(records), None, (str(error),))
        return Run(number, tuple(records), outputs, ())

    @property
    def evaluation_s(self) -> float:
        """Seconds that the suite took to load and measure what came back."""
        return self._loading_s + sum(
            run.outputs.seconds for run in (*self._runs, *self._unseen, *self.small_runs) if run.outputs is not None
        )

    @functools.cached_property
    def _reference_behaviour(self) -> np.ndarray:
        return np.stack([self.task.behaviour(reference["holdout"]) for reference in self.references])

    @functools.cached_property
    def _closest_references(self) -> float:
        """The smallest distance between two references: mean absolute difference of holdout probabilities."""
        known = self._reference_behaviour
        return min(float(np.abs(known[k] - known[k + 1 :]).mean(axis=(1, 2)).min()) for k in range(len(known) - 1))

    def _copied(self, outputs: Outputs) -> str | None:
        """Why the outputs are taken for those of a stored reference: far closer to it than any two references are.

        Where all trainings end in the same place (a convex task), none is closer than the others and nothing is said.
        """
        own = self.task.behaviour(outputs["holdout"])
        distances = np.abs(self._reference_behaviour - own).mean(axis=(1, 2))
        nearest = int(distances.argmin())
        if distances[nearest] < COPY_SHARE * self._closest_references:
            return (
                f"the returned model agrees with stored reference {nearest} to {distances[nearest]:.2g} in probability, "
                f"where no two references are closer than {self._closest_references:.2g}: it was taken, not trained"
            )
        return None
