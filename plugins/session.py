"""The plugin proper: collects the suites, judges in the tests, aggregates in the controller, writes the scorecard."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest
from mu_conformance.plugins import xdist
from mu_conformance.plugins.options import Options, read_options
from mu_conformance.plugins.progress import Progress
from mu_conformance.suites.conformance import ConformanceSuite

from mu_conformance import manifest, registry
from mu_conformance.forget_sets import ForgetSetError
from mu_conformance.hub import HubError
from mu_conformance.isolation.loading import MethodError
from mu_conformance.judging import Judge
from mu_conformance.protocol import Claims
from mu_conformance.scorecard import building, comparison, document, markdown, summary
from mu_conformance.scorecard.validity import false_alarm_rate
from mu_conformance.scorecard.verdicts import CONFORMANT
from mu_conformance.scorecard.waivers import Waiver, WaiverError, find_waiver, read_waivers
from mu_conformance.store import StoreError
from mu_conformance.task import Task, TaskError
from mu_conformance.verdict import Outcome

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
    here = str(config.invocation_params.dir)
    if here not in sys.path:
        sys.path.insert(0, here)
    options = read_options(config)
    try:
        waivers = read_waivers(options.waivers)
        baseline = document.read(options.baseline) if options.baseline else None
        if baseline is not None and _data_of(baseline) != options.settings.data:
            raise pytest.UsageError(
                f"--mu-baseline {options.baseline} is of {_data_of(baseline)} data, this run of {options.settings.data}: "
                "name a baseline of the same data"
            )
        session = MuSession(config, options, waivers, baseline)
        session.prepare()
    except (HubError, MethodError, StoreError, WaiverError, document.ScorecardError) as error:
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

    def __init__(self, config: Any, options: Options, waivers: list[Waiver], baseline: dict[str, Any] | None) -> None:
        self.config, self.options, self.waivers, self.baseline = config, options, waivers, baseline
        self.worker = getattr(config, "workerinput", None)
        self.progress = Progress(config)
        self.judges: list[Judge] = []
        self.descriptions: list[dict[str, Any]] = []
        self.entries: dict[str, list[manifest.Entry]] = {}
        self.results: list[dict[tuple[str, str], dict[str, Any]]] = [{} for _ in options.methods]
        self.power: dict[str, dict[str, Any]] = {}
        self.provenance: dict[str, dict[str, Any]] = {}
        self.store_digests: set[str] = set()
        self.costs: dict[str, float] = {}
        self.scorecards: list[dict[str, Any]] = []
        self.regressions: list[str] = []
        self.unusable: list[str] = []
        self.notes: list[str] = []
        self.folders = self.report_folders()
        self.started = time.time()

    def _task_of(self, suite: type) -> Task:
        """The task of a suite, or what takes its place on published data."""
        if self.options.settings.data != "hub":
            return _resolve_task(suite)
        return _of_its_kind(suite, self.judges[0].task(self._task_name(suite)))

    def _task_name(self, suite: type) -> str:
        named = suite.task  # type: ignore[attr-defined]
        # On published data the name is enough: the embedded task of that name is not needed.
        return named if isinstance(named, str) and self.options.settings.data == "hub" else _resolve_task(suite).name

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
        if self.worker:
            return
        for folder in self.report_folders():
            _make_writable(folder)
            with contextlib.suppress(FileNotFoundError):
                os.replace(folder / "scorecard.json", folder / "scorecard.previous.json")

    def report_folders(self) -> list[Path]:
        """Where each method's scorecard goes: the report folder itself for one method, a folder each for several."""
        if len(self.options.methods) == 1:
            return [self.options.report]
        names = [ref.rpartition(":")[2] or ref for ref in self.options.methods]
        return [self.options.report / f"{number + 1}-{name}" for number, name in enumerate(names)]

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        node.workerinput["mu_descriptions"] = json.dumps(self.descriptions)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: Any, log: Any) -> Any:
        return xdist.scheduler(config, log)

    # -- collection ---------------------------------------------------------------------------------------------

    @pytest.hookimpl(tryfirst=True)
    def pytest_pycollect_makeitem(self, collector: Any, name: str, obj: Any) -> Any:
        """Collect suites whatever naming rules the repository's ini has."""
        if isinstance(obj, type) and issubclass(obj, ConformanceSuite) and hasattr(obj, "task"):
            wanted = self.options.settings.tasks
            if wanted and self._task_name(obj) not in wanted:
                return []
            self._task_of(obj)
            return pytest.Class.from_parent(collector, name=name, obj=obj)
        parent = getattr(collector, "obj", None)
        if isinstance(parent, type) and issubclass(parent, ConformanceSuite) and name.startswith("test_"):
            return list(collector._genfunctions(name, obj))
        return None

    def pytest_generate_tests(self, metafunc: Any) -> None:
        if "mu_entry" not in metafunc.fixturenames or metafunc.cls is None:
            return
        task = self._task_of(metafunc.cls)
        architecture = self.options.settings.architecture
        if architecture is not None and architecture not in task.architectures:
            self.unusable.append(
                f"--mu-model {architecture} is not an architecture of task {task.name}, which has "
                f"{', '.join(task.architectures)}"
            )
            metafunc.parametrize("mu_entry", [])
            return
        for judge in self.judges:
            judge.add_task(task)
        if task.name not in self.entries:
            try:
                self.entries[task.name] = self.judges[0].entries(task)
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
            for entry in self.entries[task.name]:
                part = entry.scenario.partition("/")[2].replace("%", "pct")
                name = f"{part}-{entry.check}"
                if several:
                    name = f"{self.options.methods[number].rpartition(':')[2]}-{name}"
                parameters.append(
                    pytest.param(Question(number, entry), id=name, marks=pytest.mark.mu_check(entry.check))
                )
        metafunc.parametrize("mu_entry", parameters)

    def pytest_collection_finish(self, session: Any) -> None:
        if self.unusable:
            raise pytest.UsageError(self.unusable[0])
        if self.options.settings.profile.name != "certify":
            return
        ours = str(Path(__file__).resolve().parents[1])
        foreign = [path for path in _conftests(self.config) if not path.startswith(ours)]
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
                record = json.loads(value)
                self.results[record["method"]][record["check"], record["scenario"]] = record

    def _state(self) -> dict[str, Any]:
        """What the controller needs of a worker besides the findings, as plain data."""
        costs = {"method": 0.0, "evaluation": 0.0}
        for judge in self.judges:
            for evidence in judge._evidence.values():
                costs["method"] += sum(run.total(lambda call: call.wall_s) for run in evidence.records(0))
                costs["evaluation"] += evidence.evaluation_s
            for name, spent in judge.method.spent.items():
                costs[name] = costs.get(name, 0.0) + spent
        return {
            "entries": {task: [dataclasses.astuple(e) for e in found] for task, found in self.entries.items()},
            "power": [power for judge in self.judges[:1] for power in judge.fixture_power()],
            # said by whoever collected: the controller of workers knows no task that is not registered
            "provenance": self._provenance(),
            "digest": self.judges[0].store.digest() if self.judges else "",
            "costs": costs,
        }

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: Any) -> None:
        sent = getattr(node, "workeroutput", {}).get("mu_state")
        if sent:
            self._merge(json.loads(sent))

    def _merge(self, state: dict[str, Any]) -> None:
        for task, found in state["entries"].items():
            self.entries.setdefault(task, [manifest.Entry(*fields[:-1], tuple(fields[-1])) for fields in found])
        for power in state["power"]:
            self.power[power["scenario"]] = power
        self.provenance.update(state["provenance"])
        self.store_digests.add(state["digest"])
        for name, seconds in state["costs"].items():
            self.costs[name] = self.costs.get(name, 0.0) + seconds

    def _scope(self) -> list[str]:
        """The tasks that the manifest covers: those asked for, else those collected, else all."""
        if self.options.settings.tasks:
            return list(self.options.settings.tasks)
        if self.config.args == packaged_suites() or not self.entries:
            return sorted({*registry.task_names(self.options.settings.data), *self.entries})
        return sorted(self.entries)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: Any, exitstatus: int) -> None:
        if self.worker is not None:
            self.config.workeroutput["mu_state"] = json.dumps(self._state(), allow_nan=False)
        elif not self.config.option.collectonly and exitstatus not in (4,):
            if not self.costs:
                self._merge(self._state())
            self._write_scorecards()
            conformant = all(card["verdict"]["status"] in CONFORMANT for card in self.scorecards)
            if session.exitstatus in (0, 1, 5):
                failed = session.exitstatus == 1
                session.exitstatus = 1 if failed or not conformant or self.regressions else 0
        for judge in self.judges:
            judge.close()
        self.progress.close()

    def _write_scorecards(self) -> None:
        settings = self.options.settings
        scope = self._scope()
        for name in scope:
            if name not in self.entries:
                self.entries[name] = self.judges[0].entries(self.judges[0].task(name))
        extra = "" if settings.seed is None else f" --mu-seed {settings.seed}"
        if settings.data != "embedded":
            extra += f" --mu-data {settings.data}"
        if settings.architecture is not None:
            extra += f" --mu-model {settings.architecture}"
        if settings.profile.name != "smoke":
            extra += f" --mu-profile {settings.profile.name}"
        for number, folder in enumerate(self.report_folders()):
            description = self.descriptions[number]
            card = building.build(
                entries=[entry for name in scope for entry in self.entries[name]],
                results=self.results[number],
                claims=self.judges[number].claims,
                method={
                    "ref": self.options.methods[number],
                    **{key: description[key] for key in ("distribution", "version", "source_sha256")},
                },
                profile=settings.profile,
                suite={
                    "seed": settings.seed,
                    "data": settings.data,
                    "provenance": {name: self.provenance[name] for name in sorted(self.provenance)},
                    "isolated": not settings.in_process,
                    "artefacts_sha256": sorted(self.store_digests)[0]
                    if len(self.store_digests) == 1
                    else _joined(self.store_digests),
                    "power": [self.power[name] for name in sorted(self.power)],
                    # measured on the embedded tasks alone
                    "false_alarm_rate": false_alarm_rate() if settings.data == "embedded" else None,
                },
                environment=building.environment(settings.device),
                invocation={
                    "args": [str(a) for a in self.config.invocation_params.args],
                    "plugins": sorted(
                        f"{d.project_name} {d.version}" for _, d in self.config.pluginmanager.list_plugin_distinfo()
                    ),
                    "conftests": _conftests(self.config),
                    "seconds": {name: round(seconds, 2) for name, seconds in sorted(self.costs.items())},
                },
                waivers=[waiver.to_json() for waiver in self.waivers],
                reproduce_options=extra,
                paths="" if self.config.args == packaged_suites() else " ".join(map(str, self.config.args)),
            )
            self.scorecards.append(card)
            if self.baseline is not None:
                self.regressions += comparison.regressions(self.baseline, card)
            rendered = markdown.render(card)
            try:
                _write_report(folder, card, rendered)
            except OSError as error:
                self.folders[number] = Path(tempfile.mkdtemp(prefix="mu-report-"))
                _write_report(self.folders[number], card, rendered)
                self.notes.append(f"{folder} cannot be written ({error.strerror}); the scorecard went elsewhere")
            if os.environ.get("GITHUB_STEP_SUMMARY"):
                with open(os.environ["GITHUB_STEP_SUMMARY"], "a", encoding="utf-8") as file:
                    file.write(rendered + "\n")

    def _provenance(self) -> dict[str, Any]:
        """What each collected task rests on besides this package: the published data set, the checkpoint, its revision."""
        judge, architecture = self.judges[0], self.options.settings.architecture
        tasks = [judge.task(name) for name in self.entries]
        found = {task.name: task.provenance(architecture or task.architectures[0]) for task in tasks}
        return {name: provenance for name, provenance in found.items() if provenance}

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        for card, folder in zip(self.scorecards, self.folders, strict=False):
            terminalreporter.section("mu-conformance")
            for line in summary.terminal_lines(card):
                terminalreporter.write_line(line)
            terminalreporter.write_line(f"scorecard: {folder / 'scorecard.json'}")
        for line in [*self.notes, *(f"regression: {line}" for line in self.regressions)]:
            terminalreporter.write_line(line)


def _data_of(card: dict[str, Any]) -> str:
    return str(card["suite"].get("data", "embedded"))


def _make_writable(folder: Path) -> None:
    """Make the report folder now: finding out at the end of a run that it cannot be written would lose the run."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise pytest.UsageError(f"--mu-report {folder} cannot be written: {error.strerror}") from None


def _write_report(folder: Path, card: dict[str, Any], rendered: str) -> None:
    document.write(card, folder / "scorecard.json")
    (folder / "scorecard.md").write_text(rendered, encoding="utf-8")


def _joined(digests: set[str]) -> str:
    import hashlib

    return hashlib.sha256("".join(sorted(digests)).encode()).hexdigest()


def _conftests(config: Any) -> list[str]:
    """The conftest files that were loaded."""
    return sorted(
        str(plugin.__file__)
        for plugin in config.pluginmanager.get_plugins()
        if str(getattr(plugin, "__file__", "") or "").endswith("conftest.py")
    )


def _resolve_task(suite: type) -> Any:
    """The task of a suite class: a name, a class or an instance."""
    task = suite.task  # type: ignore[attr-defined]
    if isinstance(task, str):
        try:
            task = registry.find_task(task)
        except registry.UnknownName as error:
            raise pytest.UsageError(f"suite {suite.__name__}: {error}") from None
    if isinstance(task, type):
        task = suite.task = task()  # type: ignore[attr-defined]
    if not isinstance(task, Task):
        raise pytest.UsageError(f"suite {suite.__name__}: task must be a name or a Task, got {type(task).__name__}")
    return _of_its_kind(suite, task)


def _of_its_kind(suite: type, task: Task) -> Task:
    kind = suite.task_kind  # type: ignore[attr-defined]
    if kind is not None and not isinstance(task, kind):
        raise pytest.UsageError(f"suite {suite.__name__} is for a {kind.__name__}; {task.name} is another kind of task")
    return task
