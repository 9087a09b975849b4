"""The plugin proper: collects the suites, judges in the tests, and has the scorecards written at the end."""

from __future__ import annotations

import dataclasses
import functools
import json
from pathlib import Path
from typing import Any

import pytest
from mu_conformance.plugins import workers as xdist
from mu_conformance.plugins.options import Options, read_options
from mu_conformance.plugins.progress import Progress
from mu_conformance.plugins.reporting import Reporting, conftests, read_baseline
from mu_conformance.plugins.suite_tasks import task_name, task_of
from mu_conformance.suites.conformance import ConformanceSuite

from mu_conformance import discovery as registry
from mu_conformance.adapters.loading import MethodError
from mu_conformance.checks import manifest
from mu_conformance.decision.rule import Outcome
from mu_conformance.judging.record import Aggregate
from mu_conformance.judging.session import Judge
from mu_conformance.judging.waivers import Waiver, WaiverError, find_waiver, read_waivers
from mu_conformance.protocol import Claims
from mu_conformance.scenarios.forget_sets import ForgetSetError
from mu_conformance.scorecard.document import ScorecardError
from mu_conformance.store.cache import StoreError
from mu_conformance.tasks import TaskError
from mu_conformance.tasks.hub import HubError

__all__ = ["MuSession", "start"]

PROPERTY = "mu_conformance"


def packaged_suites() -> list[str]:
    """The files of the packaged suites. Files and not the folder: named files are collected whatever the ini says."""
    from mu_conformance import suites

    return [str(path) for path in sorted(Path(suites.__file__).parent.rglob("test_*.py"))]


def start(config: Any) -> None:
    """Read the options, start the method's process and register the session plugin."""
    import torch

    torch.set_num_threads(1)
    options = read_options(config)
    try:
        waivers = read_waivers(options.waivers)
        session = MuSession(config, options, waivers, Reporting(config, options, waivers, read_baseline(options)))
        session.prepare()
    except (HubError, MethodError, StoreError, WaiverError, ScorecardError) as error:
        raise pytest.UsageError(str(error)) from None
    config.pluginmanager.register(session, "mu-conformance-session")


@dataclasses.dataclass(frozen=True)
class Question:
    """One test: a manifest entry for one method."""

    method: int
    entry: manifest.Entry

    @property
    def check(self) -> str:
        return self.entry.check

    @property
    def scenario(self) -> str:
        return self.entry.scenario


class MuSession:
    """One run of the suite in one process: the controller's, a worker's, or the only one."""

    def __init__(self, config: Any, options: Options, waivers: list[Waiver], reporting: Reporting) -> None:
        self.config, self.options, self.waivers, self.reporting = config, options, waivers, reporting
        self.worker = getattr(config, "workerinput", None)
        self.progress = Progress(config)
        self.judges: list[Judge] = []
        self.descriptions: list[dict[str, Any]] = []
        self.found = Aggregate(len(options.methods))
        self.unusable: list[str] = []

    # -- before collection --------------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Start the methods' processes and learn what they claim."""
        described = json.loads(self.worker["mu_descriptions"]) if self.worker else None
        settings, published = self.options.settings, []
        if settings.data == "hub" and not self.worker:
            # First, for it fails fast: nothing is started or trained when the data cannot be had.
            published = [registry.find_task(name, "hub") for name in settings.tasks]
            for task in published:
                task.prepare(settings.architecture or task.architectures[0])
                task.check_available()  # type: ignore[attr-defined]
        for number, ref in enumerate(self.options.methods):
            claims = Claims.from_json(described[number]["claims"]) if described else None
            judge = Judge(ref, settings, claims=claims, tasks=published, progress=self.progress)
            judge.method.start()
            self.judges.append(judge)
        self.descriptions = described or [judge.description for judge in self.judges]
        for judge, description in zip(self.judges, self.descriptions, strict=True):
            judge._claims = Claims.from_json(description["claims"])
            judge.method.remember(description)
        if self.config.args_source is not self.config.ArgsSource.ARGS:
            self.config.args = packaged_suites()
        if not self.worker:
            self.reporting.prepare()

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        node.workerinput["mu_descriptions"] = json.dumps(self.descriptions)
        node.workerinput["mu_zygote"] = self._zygote_for_workers

    @functools.cached_property
    def _zygote_for_workers(self) -> tuple[str, str] | None:
        """The zygote that described the first method, warm for the tasks to come; the controller calls no method."""
        settings, tasks = self.options.settings, []
        if settings.data == "embedded" and (settings.tasks or self._packaged):
            for name in settings.tasks or registry.task_names():
                task = registry.find_task(name)
                tasks.append((task.ref, settings.architecture or task.architectures[0]))
        for description in self.descriptions[1:]:
            self.judges[0].method.remember(description)
        return self.judges[0].method.share(tasks)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: Any, log: Any) -> Any:
        return xdist.scheduler(config, log)

    # -- collection ---------------------------------------------------------------------------------------------

    @pytest.hookimpl(tryfirst=True)
    def pytest_pycollect_makeitem(self, collector: Any, name: str, obj: Any) -> Any:
        """Collect suites whatever naming rules the repository's ini has."""
        if isinstance(obj, type) and issubclass(obj, ConformanceSuite) and hasattr(obj, "task"):
            wanted = self.options.settings.tasks
            if wanted and task_name(obj, self.options.settings.data) not in wanted:
                return []
            task_of(obj, self.judges[0])
            return pytest.Class.from_parent(collector, name=name, obj=obj)
        parent = getattr(collector, "obj", None)
        if isinstance(parent, type) and issubclass(parent, ConformanceSuite) and name.startswith("test_"):
            return list(collector._genfunctions(name, obj))
        return None

    def pytest_generate_tests(self, metafunc: Any) -> None:
        if "mu_entry" not in metafunc.fixturenames or metafunc.cls is None:
            return
        task = task_of(metafunc.cls, self.judges[0])
        architecture = self.options.settings.architecture
        if architecture is not None and architecture not in task.architectures:
            self.unusable.append(
                f"--mu-model {architecture} is not an architecture of task {task.name}, which has "
                f"{', '.join(task.architectures)}"
            )
            metafunc.parametrize("mu_entry", [])
            return
        if task.name not in self.found.entries:
            try:
                for judge in self.judges:
                    judge.add_task(task)
                self.found.entries[task.name] = self.judges[0].entries(task)
            except (TaskError, ForgetSetError) as error:
                # Raised here it would be one failed file among others; it is said when all is collected.
                self.unusable.append(str(error))
                metafunc.parametrize("mu_entry", [])
                return
        for judge in self.judges:
            judge.method.warm(task.ref, self.options.settings.architecture or task.architectures[0])
        several = len(self.judges) > 1
        parameters = []
        for number in range(len(self.judges)):
            for entry in self.found.entries[task.name]:
                part = entry.scenario.partition("/")[2].replace("%", "pct")
                name = f"{part}-{entry.check}"
                if several:
                    name = f"{self.options.methods[number].partition(':')[2] or self.options.methods[number]}-{name}"
                parameters.append(
                    pytest.param(Question(number, entry), id=name, marks=pytest.mark.mu_check(entry.check))
                )
        metafunc.parametrize("mu_entry", parameters)

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        if self.worker:
            xdist.dearest_first(items, lambda name: self.judges[0].task(name).quick_kinds == 1)

    def pytest_collection_finish(self, session: Any) -> None:
        if self.unusable:
            raise pytest.UsageError(self.unusable[0])
        if self.options.settings.profile.name != "certify":
            return
        ours = str(Path(__file__).resolve().parents[1])
        foreign = [path for path in conftests(self.config) if not path.startswith(ours)]
        if foreign:
            raise pytest.UsageError(f"the certify profile refuses foreign conftests: {foreign[0]}")

    # -- judging ------------------------------------------------------------------------------------------------

    @pytest.fixture
    def mu_judgement(self, record_property: Any) -> Any:
        """A function from a question to (outcome, message), which also sends the finding to the controller."""

        def judge(question: Question) -> tuple[Outcome, str]:
            judge = self.judges[question.method]
            entry = question.entry
            if not manifest.required(entry, judge.claims):
                record = {"outcome": "not_claimed", "message": "the method does not claim this", "measurements": []}
                duration = 0.0
            else:
                finding, duration = judge.finding(entry)
                record = finding.to_json()
            waiver = find_waiver(self.waivers, entry.check, entry.scenario)
            if waiver is not None and record["outcome"] == Outcome.PASSED:
                record["outcome"] = str(Outcome.STALE_WAIVER)
                record["message"] = f"the waiver in {waiver.source} is stale: the check passes; remove it"
            elif waiver is not None and record["outcome"] in (Outcome.FAILED, Outcome.INCONCLUSIVE):
                record["message"] = f"waived ({waiver.reason}): {record['message']}"
                record["outcome"] = str(Outcome.WAIVED)
            sent = {"method": question.method, "check": entry.check, "scenario": entry.scenario, "duration_s": duration}
            record_property(PROPERTY, json.dumps({**sent, **record}, allow_nan=False))
            return Outcome(record["outcome"]), record["message"]

        return judge

    # -- aggregation --------------------------------------------------------------------------------------------

    def pytest_runtest_logreport(self, report: Any) -> None:
        if self.worker:
            return
        for name, value in report.user_properties:
            if name == PROPERTY and report.when == "call":
                self.found.add(json.loads(value))

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: Any) -> None:
        sent = getattr(node, "workeroutput", {}).get("mu_state")
        if sent:
            self.found.merge(json.loads(sent))

    @property
    def _packaged(self) -> bool:
        """Whether the packaged suites run, and not files that the user named."""
        return bool(self.config.args == packaged_suites())

    def _scope(self) -> list[str]:
        """The tasks that the manifest covers: those asked for, else those collected, else all."""
        if self.options.settings.tasks:
            return list(self.options.settings.tasks)
        if self._packaged or not self.found.entries:
            return sorted({*registry.task_names(self.options.settings.data), *self.found.entries})
        return sorted(self.found.entries)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: Any, exitstatus: int) -> None:
        if self.worker is not None:
            self.config.workeroutput["mu_state"] = json.dumps(self.found.state(self.judges), allow_nan=False)
        elif not self.config.option.collectonly and exitstatus not in (4,):
            if not self.found.costs:
                self.found.merge(self.found.state(self.judges))
            self._write_scorecards()
            if session.exitstatus in (0, 1, 5):
                failed = session.exitstatus == 1
                session.exitstatus = 1 if failed or not self.reporting.satisfied else 0
        for judge in self.judges:
            judge.close()
        self.progress.close()

    def _write_scorecards(self) -> None:
        scope = self._scope()
        for name in scope:
            if name not in self.found.entries:
                self.found.entries[name] = self.judges[0].entries(self.judges[0].task(name))
        claims = [judge.claims for judge in self.judges]
        paths = "" if self._packaged else " ".join(map(str, self.config.args))
        self.reporting.write(self.found, scope, claims, self.descriptions, paths)

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        self.reporting.summarise(terminalreporter)
