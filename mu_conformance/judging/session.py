"""One method under one set of settings: from a manifest entry to a finding. The suites and ``judge()`` both call it."""

from __future__ import annotations

import functools
import importlib.resources
import os
import time
import traceback
from collections.abc import Callable, Iterable
from typing import Any

from mu_conformance.checks import manifest
from mu_conformance.checks.catalogue import find_check
from mu_conformance.checks.power import known_power
from mu_conformance.decision.finding import Finding
from mu_conformance.decision.outcome import Fault, Outcome
from mu_conformance.evidence.audit import Audit
from mu_conformance.evidence.base import EvidenceError, Tell, tell_nobody
from mu_conformance.evidence.contract import ContractHarness
from mu_conformance.evidence.coverage import Coverage
from mu_conformance.evidence.gathered import GatheredEvidence
from mu_conformance.evidence.outputs import NotFinite
from mu_conformance.evidence.populations import Populations
from mu_conformance.isolation.client import MethodProcess
from mu_conformance.judging.settings import Settings
from mu_conformance.judging.subjects import judge_entry
from mu_conformance.judging.unverified import unverified
from mu_conformance.protocol.claims import Claims
from mu_conformance.protocol.recipe import Overrides, overrides
from mu_conformance.scenarios.profiles import Profile
from mu_conformance.scenarios.scenario import Scenario, scenarios
from mu_conformance.scorecard.record import Judged
from mu_conformance.store.cache import Store
from mu_conformance.store.pack import packaged_packs
from mu_conformance.tasks import Task, registry, sklearn_data
from mu_conformance.tasks.hub import HubTask

__all__ = ["JudgingSession"]

CONTRACT_TIME_LIMIT = 60.0


def suite_data_folders() -> tuple[str, ...]:
    """Where the data of the embedded tasks lie: our fixtures, and what scikit-learn bundles."""
    return os.path.realpath(str(importlib.resources.files("mu_conformance.fixtures"))), str(sklearn_data.folder())


class JudgingSession:
    """Judges one method under one set of settings. Everything is made on first use and kept."""

    def __init__(
        self,
        method_ref: str,
        settings: Settings | None = None,
        *,
        claims: Claims | None = None,
        tasks: Iterable[Task] = (),
        sys_path: list[str] | None = None,
        progress: Callable[[str], None] | None = None,
        tell: Tell = tell_nobody,
    ) -> None:
        """Open the store and make the method's process, without starting it.

        Args:
            method_ref: reference of the method.
            settings: settings of the judgement; None for the defaults.
            claims: claims of the method; None for its own.
            tasks: tasks that are not registered.
            sys_path: where the method is imported from; None: this process's path at the time of a call.
            progress: function that is told of each trained model, in one line.
            tell: function that is told of what is being read, trained, called or measured.
        """
        self.tell = tell
        self.settings = settings = settings or Settings()
        self._tasks: dict[str, Task] = {}
        self._claims = claims
        self.store = Store(settings.cache, packaged_packs() if settings.seed is None else [])
        self.store.open()
        self.populations = Populations(self.store, progress, device=settings.device, tell=tell)
        self.method = MethodProcess(
            method_ref,
            sys_path=sys_path,
            watched=(*suite_data_folders(), str(settings.cache)),
            guarded=(str(importlib.resources.files("mu_conformance")), *suite_data_folders(), str(settings.cache)),
            preload=("peft",) if settings.conditions.lora_rank is not None else (),
            sandbox=settings.sandbox,
            device=settings.device,
            in_process=settings.in_process,
        )
        for task in tasks:
            self.add_task(task)
        self._evidence: dict[str, GatheredEvidence] = {}
        self._told: set[str] = set()
        self._spent: dict[str, float] = {}
        self._harnesses: dict[str, ContractHarness] = {}
        self._audits: dict[str, Audit] = {}

    @property
    def claims(self) -> Claims:
        if self._claims is None:
            self._claims = Claims.from_json(self.description["claims"])
        return self._claims

    @property
    def described_claims(self) -> Claims:
        """What the method claimed when it was described, whatever the user has it claim."""
        return Claims.from_json(self.description["claims"])

    @property
    def recipe(self) -> Overrides:
        """The fields in which references are trained otherwise than originals: the user's, else the method's own."""
        return self.settings.recipe or overrides(self.description.get("recipe") or {})

    @property
    def profile(self) -> Profile:
        return self.settings.profile

    def described(self, description: dict[str, Any]) -> None:
        """Take what another process was told of the method, so that this one need not ask."""
        self.description = description
        if self._claims is None:
            self._claims = Claims.from_json(description["claims"])
        self.method.remember(description)

    def add_task(self, task: Task) -> None:
        """A task that is not registered, such as a company's own."""
        if task.name not in self._tasks:
            task.prepare(self.settings.architecture or task.architectures[0])
            self._tasks[task.name] = task.under(self.settings.conditions)
            if isinstance(task, HubTask):
                self.method.watched += tuple(map(str, task.data_folders))

    def task(self, name: str) -> Task:
        if name not in self._tasks:
            self.add_task(registry.find_task(name, self.settings.data))
        return self._tasks[name]

    def entries(self, task: Task) -> list[manifest.Entry]:
        settings = self.settings
        task = task.under(settings.conditions)
        return manifest.entries(task, settings.profile, settings.suite_seed, settings.architecture)

    def scenarios(self, task: str) -> list[Scenario]:
        settings = self.settings
        estimate = self.populations.memorization
        return scenarios(
            self.task(task), settings.profile, settings.suite_seed, settings.architecture, estimate, self.recipe
        )

    def evidence(self, task: str, scenario: str) -> GatheredEvidence:
        if scenario not in self._evidence:
            (found,) = [s for s in self.scenarios(task) if s.name == scenario]
            self._evidence[scenario] = GatheredEvidence(
                found,
                self.populations,
                self.method,
                self.settings.profile,
                self.claims,
                secret=self.settings.secret,
                device=self.settings.device,
                time_limit=self.settings.time_limit,
            )
        return self._evidence[scenario]

    def audit(self, task: str) -> Audit:
        """The audit of the method on a task, on the rows of its random forget set."""
        if task not in self._audits:
            settings, found = self.settings, self.task(task)
            self._audits[task] = Audit(
                Scenario(
                    found,
                    "random",
                    settings.profile.ratio,
                    settings.architecture or found.architectures[0],
                    settings.suite_seed,
                ),
                settings.profile.audit_models,
                self.populations,
                self.method,
                self.claims,
                settings.secret,
                device=settings.device,
                time_limit=settings.time_limit,
            )
        return self._audits[task]

    def harness(self, task: str) -> ContractHarness:
        if task not in self._harnesses:
            found = self.task(task)
            self._harnesses[task] = ContractHarness(
                found,
                self.settings.architecture or found.architectures[0],
                self.method,
                self.claims,
                examples=self.settings.profile.contract_examples,
                time_limit=self.settings.time_limit or CONTRACT_TIME_LIMIT,
                device=self.settings.device,
                tell=self.tell,
            )
        return self._harnesses[task]

    def judge(self, entry: manifest.Entry) -> Judged:
        """Judge a manifest entry. Whatever goes wrong is an ``error`` finding that says whose fault it is."""
        started = time.perf_counter()
        self.tell("measuring", entry.scenario, 0, 0)
        finding = self.finding(entry)
        evidence = self._evidence.get(entry.scenario)
        power = None if evidence is None else known_power(evidence)
        task = self.task(entry.task)
        return Judged(
            entry=entry,
            finding=finding.to_json(),
            duration_s=time.perf_counter() - started,
            power=None if power is None else {"measure": power.measure, "separation": round(power.separation, 2)},
            artefacts=self._new_artefacts(),
            provenance=task.provenance(self.settings.architecture or task.architectures[0]),
            seconds=self._new_seconds(),
        )

    def finding(self, entry: manifest.Entry) -> Finding:
        """Return the finding on a manifest entry; an ``error`` where it cannot be decided."""
        try:
            finding = judge_entry(self, find_check(entry.check), entry)
            if self.method.sandbox is not None:
                return finding
            return unverified(entry.check, finding, decides=self.settings.profile.name == "thorough")
        except EvidenceError as error:
            return Finding.error(str(error), error.fault, error.traceback)
        except NotFinite as error:
            return Finding.error(f"{entry.scenario}: a model that the method returned: {error}", Fault.METHOD)
        except Exception as error:
            message = f"{entry.check} on {entry.scenario} raised {type(error).__name__}: {error}"
            return Finding.error(message, traceback=traceback.format_exc())

    def unclaimed(self, entry: manifest.Entry) -> Judged | None:
        """Return the record of an entry that the claims leave out; None if they ask for it."""
        if manifest.claimed(entry, self.claims):
            return None
        finding = Finding(Outcome.NOT_CLAIMED, "the method does not claim this")
        return Judged(entry, finding.to_json())

    def _new_artefacts(self) -> dict[str, str]:
        """Content digests of the artefacts that were used since the last finding."""
        new = {key: found.digest for key, found in self.store.asked.items() if key not in self._told}
        self._told.update(new)
        return new

    def _new_seconds(self) -> dict[str, float]:
        """Where the time went since the last finding: the method's calls, measuring what came back, isolation."""
        found = {"method": 0.0, "evaluation": 0.0, **self.method.spent}
        for evidence in self._evidence.values():
            found["method"] += evidence.method_s
            found["evaluation"] += evidence.evaluation_s
        new = {name: spent - self._spent.get(name, 0.0) for name, spent in found.items()}
        self._spent = found
        return {name: spent for name, spent in new.items() if spent}

    def coverage(self) -> Coverage:
        """Return which checks the claims require on some scenario of the manifest."""
        names = self.settings.tasks or tuple(self._tasks) or registry.task_names(self.settings.data)
        found = {
            entry.check
            for name in names
            for entry in self.entries(self.task(name))
            if manifest.claimed(entry, self.claims)
        }
        return Coverage(self.claims, tuple(sorted(found)))

    @functools.cached_property
    def description(self) -> dict[str, Any]:
        """What the scorecard says of the method."""
        return self.method.describe()

    def close(self) -> None:
        self.method.close()
