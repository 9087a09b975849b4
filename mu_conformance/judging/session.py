"""Judging one method: from a manifest entry to a finding. What the pytest suites and a notebook both call.

>>> judge = Judge("mypkg:MyUnlearner")            # doctest: +SKIP
>>> judge.finding(entry)                          # doctest: +SKIP
"""

from __future__ import annotations

import dataclasses
import functools
import importlib.resources
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import mu_conformance
from mu_conformance import discovery as registry
from mu_conformance.checks import Finding, find_check, manifest
from mu_conformance.checks.catalogue import Subject
from mu_conformance.conditions.conditions import Conditions
from mu_conformance.evidence.audit import Audit
from mu_conformance.evidence.base import Evidence, EvidenceError
from mu_conformance.evidence.calls import Calls
from mu_conformance.evidence.contract import Laboratory, LabRequest
from mu_conformance.evidence.coverage import Coverage
from mu_conformance.evidence.populations import Populations
from mu_conformance.isolation.client import MethodProcess
from mu_conformance.protocol import Claims
from mu_conformance.scenarios.profiles import PROFILES, Profile
from mu_conformance.scenarios.scenario import DEFAULT_SEED, Scenario, scenarios
from mu_conformance.store.cache import Store, default_cache
from mu_conformance.tasks import Task
from mu_conformance.tasks import sklearn_data as bundled
from mu_conformance.tasks.hub import HubTask

__all__ = ["Judge", "Settings", "packaged_packs"]

LABORATORY_TIME_LIMIT = 60.0


@dataclasses.dataclass(frozen=True)
class Settings:
    """How to judge. ``seed`` None means the shipped models; a number, fresh ones from that seed."""

    profile: Profile = PROFILES["smoke"]
    tasks: tuple[str, ...] = ()
    architecture: str | None = None
    seed: int | None = None
    cache: Path = dataclasses.field(default_factory=default_cache)
    device: str = "cpu"
    time_limit: float | None = None
    in_process: bool = False
    data: str = "embedded"
    conditions: Conditions = dataclasses.field(default_factory=Conditions)

    @property
    def suite_seed(self) -> int:
        return DEFAULT_SEED if self.seed is None else self.seed


def packaged_packs() -> list[Path]:
    """The reference packs that ship with the embedded tasks."""
    root = importlib.resources.files("mu_conformance.fixtures")
    return [Path(str(pack)) for task in root.iterdir() if (pack := task.joinpath("pack.safetensors")).is_file()]


def suite_data_folders() -> tuple[str, ...]:
    """Where the data of the embedded tasks lie: our fixtures, and what scikit-learn bundles."""
    return os.path.realpath(str(importlib.resources.files("mu_conformance.fixtures"))), str(bundled.folder())


class Judge:
    """Judges one method under one set of settings. Everything is made on first use and kept."""

    def __init__(
        self,
        method_ref: str,
        settings: Settings = Settings(),
        *,
        claims: Claims | None = None,
        tasks: Iterable[Task] = (),
        sys_path: list[str] | None = None,
        progress: Callable[[str], None] | None = None,
    ) -> None:
        self.settings = settings
        self._tasks: dict[str, Task] = {}
        self._claims = claims
        self.store = Store(settings.cache, packaged_packs() if settings.seed is None else [])
        self.store.open()
        self.populations = Populations(self.store, progress, device=settings.device)
        self.method = MethodProcess(
            method_ref,
            sys_path=sys_path,
            watched=(*suite_data_folders(), str(settings.cache)),
            guarded=(str(Path(mu_conformance.__file__).parent), *suite_data_folders(), str(settings.cache)),
            preload=("peft",) if settings.conditions.lora_rank is not None else (),
            in_process=settings.in_process,
        )
        for task in tasks:
            self.add_task(task)
        self._evidence: dict[str, Evidence] = {}
        self._laboratories: dict[str, Laboratory] = {}
        self._audits: dict[str, Audit] = {}

    @property
    def claims(self) -> Claims:
        if self._claims is None:
            self._claims = Claims.from_json(self.method.describe()["claims"])
        return self._claims

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
        return scenarios(self.task(task), settings.profile, settings.suite_seed, settings.architecture, estimate)

    def evidence(self, task: str, scenario: str) -> Evidence:
        if scenario not in self._evidence:
            (found,) = [s for s in self.scenarios(task) if s.name == scenario]
            self._evidence[scenario] = Evidence(
                found,
                self.populations,
                self.method,
                self.settings.profile,
                self.claims,
                device=self.settings.device,
                time_limit=self.settings.time_limit,
            )
        return self._evidence[scenario]

    def audit(self, task: str) -> Audit:
        """The audit of the method on a task, on the rows of its random forget set."""
        if task not in self._audits:
            settings, found = self.settings, self.task(task)
            described = self.method.describe()
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
                {
                    "ref": self.method.method_ref,
                    "version": described["version"],
                    "source": described["package_sha256"],
                },
                device=settings.device,
                time_limit=settings.time_limit,
            )
        return self._audits[task]

    def laboratory(self, task: str) -> Laboratory:
        if task not in self._laboratories:
            found = self.task(task)
            self._laboratories[task] = Laboratory(
                found,
                self.settings.architecture or found.architectures[0],
                self.method,
                self.claims,
                examples=self.settings.profile.contract_examples,
                time_limit=self.settings.time_limit or LABORATORY_TIME_LIMIT,
                device=self.settings.device,
            )
        return self._laboratories[task]

    def finding(self, entry: manifest.Entry) -> tuple[Finding, float]:
        """The finding on a manifest entry, and the seconds it took. Whatever goes wrong is an ``error`` finding."""
        started = time.perf_counter()
        try:
            finding = self._finding(entry)
        except EvidenceError as error:
            finding = Finding.error(str(error))
        except Exception as error:
            finding = Finding.error(f"{entry.check} on {entry.scenario} raised {type(error).__name__}: {error}")
        return finding, time.perf_counter() - started

    def _finding(self, entry: manifest.Entry) -> Finding:
        check = find_check(entry.check)
        if check.subject is Subject.CLAIMS:
            return check.function(self._coverage())
        if check.subject is Subject.LABORATORY:
            return check.function(self.laboratory(entry.task))
        if check.subject is Subject.AUDIT:
            return check.function(self.audit(entry.task))
        if check.subject is Subject.EVIDENCE:
            return check.function(self.evidence(entry.task, entry.scenario))
        if entry.kind != manifest.CONTRACT:
            evidence = self.evidence(entry.task, entry.scenario)
            records = evidence.records(self.settings.profile.looks[0])
            calls = tuple(record for run in records for record in run.records)
            return check.function(Calls(calls, self.claims, entry.scenario))
        laboratory = self.laboratory(entry.task)

        def judge(request: LabRequest) -> Finding:
            twice = [laboratory.call(dataclasses.replace(request, ambient_seed=ambient)) for ambient in (1, 2)]
            return check.function(Calls(tuple(twice), self.claims, laboratory.where))

        return laboratory.for_any_request(judge)

    def _coverage(self) -> Coverage:
        names = self.settings.tasks or tuple(self._tasks) or registry.task_names(self.settings.data)
        found = {
            entry.check
            for name in names
            for entry in self.entries(self.task(name))
            if manifest.required(entry, self.claims)
        }
        return Coverage(self.claims, tuple(sorted(found)))

    def fixture_power(self) -> list[dict[str, object]]:
        """The power of every scenario that was judged: its sharpest measure and the original's separation."""
        return [
            {"scenario": name, "measure": power[0], "separation": round(power[1], 2)}
            for name, evidence in sorted(self._evidence.items())
            if (power := evidence.memo.get("power")) is not None
        ]

    def close(self) -> None:
        self.method.close()

    @functools.cached_property
    def description(self) -> dict[str, object]:
        """What the scorecard says of the method."""
        return self.method.describe()
