"""Call a method on the requests of one scenario, and record its runs."""

from __future__ import annotations

import dataclasses
import functools
import time
from collections.abc import Callable, Sequence

import torch
from torch import nn

from mu_conformance.evidence.base import Retraining, RunError
from mu_conformance.evidence.budgets import default_budget, step_seconds, with_flops
from mu_conformance.evidence.call_record import CallRecord, judge_call
from mu_conformance.evidence.copies import Copies
from mu_conformance.evidence.outputs import NotFinite, Outputs
from mu_conformance.evidence.populations import Populations
from mu_conformance.evidence.runs import Caller, Run, call_spec
from mu_conformance.evidence.stored import StoredEvidence
from mu_conformance.protocol.claims import Claims
from mu_conformance.protocol.request import Budget
from mu_conformance.protocol.seeding import derive_seed
from mu_conformance.scenarios.profiles import Profile
from mu_conformance.scenarios.scenario import Scenario
from mu_conformance.tasks import Rows

__all__ = ["CalledEvidence"]


class CalledEvidence(StoredEvidence):
    """Takes fixed populations from the store, and calls the method until there are as many runs as a check asks for.

    No request but the scenario's own is made.

    Args:
        scenario: the scenario.
        populations: source of originals and references.
        method: the isolated method.
        profile: profile under which the scenario is judged.
        claims: claims of the method.
        secret: what the seeds of the calls are derived from; a method must not be able to tell them from others.
        device: device of the models.
        time_limit: limit of a call, seconds; None: from what retraining takes.
    """

    def __init__(
        self,
        scenario: Scenario,
        populations: Populations,
        method: Caller,
        profile: Profile,
        claims: Claims,
        *,
        secret: str,
        device: str = "cpu",
        time_limit: float | None = None,
    ) -> None:
        super().__init__(scenario, populations, profile, device=device)
        self.method = method
        self.claims = claims
        self.secret = secret
        self.time_limit = time_limit
        self._runs: list[Run] = []
        self._loading_s = 0.0

    def seed(self, *parts: object) -> int:
        """Return a secret seed for a use."""
        return derive_seed(self.secret, self.scenario.name, *parts)

    @functools.cached_property
    def retrain_cpu_s(self) -> float:
        """Return the CPU seconds that retraining takes on this machine.

        For each request, the recipe's number of steps is multiplied by the seconds of a step.
        """
        recipe = self.scenario.recipe
        steps = sum(recipe.steps(len(retain)) for _, retain in self.scenario.requests)
        return steps * step_seconds(self.scenario, device=self.device)

    @functools.cached_property
    def retraining(self) -> Retraining:
        scenario = self.scenario
        state = self.populations.original_state(scenario, 0)
        return Retraining(
            cpu_s=self.retrain_cpu_s,
            examples=scenario.recipe.epochs * sum(len(retain) for _, retain in scenario.requests),
            model_mib=sum(tensor.nbytes for tensor in state.values()) / 2**20,
            data_mib=sum(column.nbytes for column in scenario.train.columns.values()) / 2**20,
        )

    @functools.cached_property
    def budget(self) -> Budget:
        """Return the budget of one call, without a FLOP limit."""
        return default_budget(self.scenario, self.time_limit, self.retrain_cpu_s)

    @functools.cached_property
    def budgets(self) -> list[Budget]:
        """Return the budget of each request in turn.

        A FLOP limit is a share of retraining's on the rows that remain after the request.
        """
        return [with_flops(self.budget, self.scenario, retain, self.device) for _, retain in self.scenario.requests]

    def records(self, count: int) -> list[Run]:
        """Return at least ``count`` runs, whatever their result.

        A crash ends the calling, because the next call would crash too.
        """
        while len(self._runs) < count and not (self._runs and self._runs[-1].crashed):
            self._runs.append(self._run(len(self._runs), count))
        return self._runs

    def runs(self, count: int) -> list[Outputs]:
        """Return the outputs of ``count`` runs; raise ``RunError`` if any of them cannot be judged."""
        outputs = []
        for run in self.records(count)[:count]:
            if run.outputs is None:
                raise RunError(
                    f"run {run.number} on {self.scenario.name}: {'; '.join(run.problems[:3])}", run.traceback
                )
            outputs.append(run.outputs)
        return outputs

    def flops_share(self, run: Run) -> float | None:
        """Return the FLOPs of a run as a share of retraining's.

        The result is None where nothing counted them (no ``--mu-budget``) or a call failed.
        """
        share = self.task.conditions.budget
        calls = [record.call for record in run.records]
        spent = [call.report["flops"] for call in calls if call.returned and call.report.get("flops") is not None]
        if share is None or len(spent) < len(self.budgets):
            return None
        return share * sum(spent) / sum(budget.flops or 0.0 for budget in self.budgets)

    def _run(self, number: int, count: int) -> Run:
        self.populations.turn_to("originals", self.scenario.name, number + 1, count)
        state = self.populations.original_state(self.scenario, number)
        # Every check reads the first look, so its runs are measured whole: outputs that no check reads must be finite
        # too.
        whole = self.task.measured_at_once or number < self.profile.looks[0]
        seed_of = functools.partial(self.seed, "run", number)
        call = (number, count)
        return self._follow(number, call, state, seed_of, self.scenario.requests, self.budgets, whole=whole)

    def _follow(
        self,
        number: int,
        call_of: tuple[int, int],
        state: dict[str, torch.Tensor],
        seed_of: Callable[[int], int],
        requests: Sequence[tuple[Rows, Rows]],
        budgets: Sequence[Budget],
        *,
        whole: bool = False,
    ) -> Run:
        """Return the run of the requests in turn on one original.

        Args:
            number: number of the run.
            call_of: number of the run among those asked for, from 0, and their number.
            state: state dict of the original.
            seed_of: function from a request's turn to its seed.
            requests: rows to forget and rows that remain, for each request.
            budgets: budget of each request.
            whole: True to measure all parts at once.
        """
        scenario = self.scenario
        records: list[CallRecord] = []
        model: nn.Module | None = None
        for turn, ((forget, retain), budget) in enumerate(zip(requests, budgets, strict=True)):
            seed = seed_of(turn)
            needed = retain if self.claims.needs_retain else None
            spec = call_spec(
                scenario, state, forget, needed, seed, budget, self.device, reads_labels=self.claims.reads_labels
            )
            assert self.budget.seconds is not None
            before, count = call_of
            self.populations.tell(
                "call", scenario.name, before * len(requests) + turn + 1, max(count, before + 1) * len(requests)
            )
            call = self.method.call(spec, self.budget.seconds)
            self.populations.tell("measuring", scenario.name, 0, 0)
            started = time.perf_counter()
            record, model = judge_call(call, scenario.task, spec)
            # The weights are dropped, because a run's outputs replace them and many runs are remembered.
            records.append(dataclasses.replace(record, call=dataclasses.replace(call, state={}, probe=None)))
            self._loading_s += time.perf_counter() - started
            if model is None or record.not_finite:
                return Run(number, tuple(records), None, record.problems())
            # The next request finds the weights that are judged, because those are the ones to deploy.
            state = record.judged
        assert model is not None
        outputs = Outputs.of(model, scenario)
        try:
            if whole:
                outputs.tensors()
            records[-1] = dataclasses.replace(records[-1], copied=self._copies.copied(outputs))
        except NotFinite as error:
            return Run(number, tuple(records), None, (str(error),))
        return Run(number, tuple(records), outputs, ())

    @property
    def method_s(self) -> float:
        """Return the wall seconds of the calls on the scenario's own requests."""
        return sum(run.total(lambda call: call.wall_s) for run in self._runs)

    @property
    def evaluation_s(self) -> float:
        """Return the seconds that the suite took to load and measure the returned models."""
        return self._loading_s + sum(run.outputs.seconds for run in self._measured_runs if run.outputs is not None)

    @property
    def _measured_runs(self) -> Sequence[Run]:
        """Return every run made so far."""
        return self._runs

    @functools.cached_property
    def _copies(self) -> Copies:
        return Copies(self.task, self.references)
