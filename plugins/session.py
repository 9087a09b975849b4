"""The plugin proper: starts the methods' processes, judges in the tests, and has the scorecards written at the end."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mu_conformance.suites.conformance import Answer

from mu_conformance.checks.catalogue import find_check
from mu_conformance.decision.outcome import Level, Outcome
from mu_conformance.discovery import MethodError
from mu_conformance.judging.session import JudgingSession
from mu_conformance.protocol.claims import Claims
from mu_conformance.scorecard.document import ScorecardError
from mu_conformance.scorecard.record import Judged, Record
from mu_conformance.scorecard.waivers import Waiver, WaiverError, apply_waivers, read_waivers
from mu_conformance.store.cache import StoreError
from mu_conformance.tasks import registry
from mu_conformance.tasks.hub import HubError

from .collection import Collection, Question, packaged_suites
from .options import Options, read_options
from .progress import Progress
from .reporting import Reporting, read_baseline
from .workers import Workers

__all__ = ["MuSession", "start"]

PROPERTY = "mu_conformance"


def start(config: Any) -> None:
    """Read the options, start the methods' processes and register the plugins of the session."""
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
    config.pluginmanager.register(Collection(session), "mu-conformance-collection")
    if config.pluginmanager.hasplugin("xdist"):
        config.pluginmanager.register(Workers(session), "mu-conformance-workers")


class MuSession:
    """One run of the suite in one process: the controller's, a worker's, or the only one."""

    def __init__(self, config: Any, options: Options, waivers: list[Waiver], reporting: Reporting) -> None:
        self.config, self.options, self.waivers, self.reporting = config, options, waivers, reporting
        self.worker = getattr(config, "workerinput", None)
        self.progress = Progress(config)
        self.sessions: list[JudgingSession] = []
        """One for each method."""
        self.descriptions: list[dict[str, Any]] = []
        self.records: list[Record] = [Record() for _ in options.methods]
        """In the controller, all findings of each method; in a worker, those of the run that is resumed."""
        self._told: set[tuple[int, str]] = set()

    def prepare(self) -> None:
        """Start the methods' processes, learn what they claim, and open the journals."""
        described = json.loads(self.worker["mu_descriptions"]) if self.worker else None
        settings, published = self.options.settings, []
        if settings.data == "hub" and not self.worker:
            # This fails fast: nothing is started or trained when the data cannot be had.
            published = [registry.find_task(name, "hub") for name in settings.tasks]
            for task in published:
                task.prepare(settings.architecture or task.architectures[0])
                task.check_available()  # type: ignore[attr-defined]
        for number, ref in enumerate(self.options.methods):
            claims = Claims.from_json(described[number]["claims"]) if described else None
            session = JudgingSession(ref, settings, claims=claims, tasks=published, progress=self.progress)
            session.method.start()
            self.sessions.append(session)
        self.descriptions = described or [session.description for session in self.sessions]
        for session, description in zip(self.sessions, self.descriptions, strict=True):
            session.described(description)
        if self.config.args_source is not self.config.ArgsSource.ARGS:
            self.config.args = packaged_suites()
        if self.worker:
            resumed = json.loads(self.worker["mu_resumed"])
            for record, findings in zip(self.records, resumed, strict=True):
                for finding in findings:
                    record.add(Judged.from_json(finding))
        elif not self.config.option.collectonly:
            paths = "" if self.packaged else " ".join(map(str, self.config.args))
            self.records = self.reporting.prepare(self.descriptions, [s.claims for s in self.sessions], paths)

    @property
    def packaged(self) -> bool:
        """Whether the packaged suites run, and not files that the user named."""
        return bool(self.config.args == packaged_suites())

    @property
    def _some_packaged(self) -> bool:
        """Whether the user named files of the packaged suites: then the others are missing from the run."""
        files = {str(Path(arg.partition("::")[0]).resolve()) for arg in map(str, self.config.args)}
        return bool(files & {str(Path(path).resolve()) for path in packaged_suites()})

    # -- judging ------------------------------------------------------------------------------------------------

    @pytest.fixture
    def mu_judgement(self, record_property: Any) -> Any:
        """A function from a question to its answer, which also sends the finding to the controller."""

        def judge(question: Question) -> Answer:
            number, entry = question.method, question.entry
            session = self.sessions[number]
            sent: dict[str, Any] = {"method": number}
            judged = self.records[number].judged.get(entry.key)
            if judged is None:
                judged = session.unclaimed(entry) or session.judge(entry)
                sent["finding"] = judged.to_json()
                if (number, entry.task) not in self._told:
                    # The controller of workers knows no task that is not registered.
                    self._told.add((number, entry.task))
                    sent["entries"] = [one.to_json() for one in session.entries(session.task(entry.task))]
                record_property(PROPERTY, json.dumps(sent, allow_nan=False))
            waived = apply_waivers(judged.finding, self.waivers, entry)
            level = waived.get("level") or find_check(entry.check).level
            advised = level == Level.SHOULD and not self.options.settings.strict
            return Answer(
                Outcome(waived["outcome"]), waived["message"], advised and waived["outcome"] != Outcome.PASSED
            )

        return judge

    # -- aggregation --------------------------------------------------------------------------------------------

    def pytest_runtest_logreport(self, report: Any) -> None:
        if self.worker:
            return
        for name, value in report.user_properties:
            if name == PROPERTY and report.when == "call":
                self.reporting.take(self.records, json.loads(value))

    def scope(self) -> list[str]:
        """Return the tasks that the manifest covers: those asked for, else those collected, else all."""
        collected = sorted({task for record in self.records for task in record.entries})
        if self.options.settings.tasks:
            return list(self.options.settings.tasks)
        if self.packaged or not collected or self._some_packaged:
            return sorted({*registry.task_names(self.options.settings.data), *collected})
        return collected

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self) -> Iterator[None]:
        """End on SIGTERM as on Ctrl-C: with a scorecard of what was judged."""
        if self.worker is not None or threading.current_thread() is not threading.main_thread():
            return (yield)

        def interrupt(number: int, frame: Any) -> None:
            raise KeyboardInterrupt

        before = signal.signal(signal.SIGTERM, interrupt)
        try:
            return (yield)
        finally:
            signal.signal(signal.SIGTERM, before)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: Any, exitstatus: int) -> None:
        if self.worker is None and not self.config.option.collectonly and exitstatus not in (4,):
            self._write_scorecards()
            if session.exitstatus in (0, 1, 5):
                failed = session.exitstatus == 1
                session.exitstatus = 1 if failed or not self.reporting.satisfied else 0
        for one in self.sessions:
            one.close()
        self.progress.close()

    def _write_scorecards(self) -> None:
        scope = self.scope()
        for session, record in zip(self.sessions, self.records, strict=True):
            for name in scope:
                if name not in record.entries:
                    record.add_entries(name, session.entries(session.task(name)))
        self.reporting.write(self.records, scope)

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        self.reporting.summarise(terminalreporter)
