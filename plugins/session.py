"""The plugin proper: starts the methods' processes, judges in the tests, and has the scorecards written at the end."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from mu_conformance.suites.conformance import Answer

from mu_conformance.checks.catalogue import find_check
from mu_conformance.decision.outcome import Level, Outcome
from mu_conformance.discovery import MethodError
from mu_conformance.isolation.sandbox import SandboxError, why_none
from mu_conformance.judging.session import JudgingSession
from mu_conformance.protocol.claims import Claims
from mu_conformance.scorecard.document import ScorecardError
from mu_conformance.scorecard.record import Judged, Record
from mu_conformance.scorecard.waivers import Waiver, WaiverError, apply_waivers, read_waivers
from mu_conformance.store.cache import StoreError
from mu_conformance.tasks import registry
from mu_conformance.tasks.hub import HubError

from .collection import Collection, Question, work_name
from .options import read_options
from .progress import Display
from .reporting import Reporting, read_baseline
from .state import State
from .suite_tasks import packaged_suites
from .terminal import PROPERTY, Terminal, told
from .workers import Workers

__all__ = ["MuSession", "start"]

_BAD = (Outcome.FAILED, Outcome.ERROR, Outcome.INCONCLUSIVE)


def start(config: Any, display: Display) -> None:
    """Read the options, start the methods' processes and register the plugins of the session."""
    import torch

    torch.set_num_threads(1)
    options = read_options(config)
    try:
        waivers = read_waivers(options.waivers)
        reporting = Reporting(config, options, waivers, read_baseline(options))
        state = State(config, options, reporting, display, records=[Record() for _ in options.methods])
        session = MuSession(state, waivers)
        session.prepare()
    except (HubError, MethodError, SandboxError, StoreError, WaiverError, ScorecardError) as error:
        raise pytest.UsageError(str(error)) from None
    config.pluginmanager.register(session, "mu-conformance-session")
    config.pluginmanager.register(Terminal(config, display), "mu-conformance-terminal")
    config.pluginmanager.register(Collection(state), "mu-conformance-collection")
    # Also without pytest-xdist: its hooks are optional, and it may be registered later.
    config.pluginmanager.register(Workers(state), "mu-conformance-workers")


class MuSession:
    """The hooks that start, judge and end a run."""

    def __init__(self, state: State, waivers: list[Waiver]) -> None:
        self.state, self.waivers = state, waivers
        self._told: set[tuple[int, str]] = set()
        self._interrupted = False

    def prepare(self) -> None:
        """Start the methods' processes, learn what they claim, and open the journals."""
        described = json.loads(self.state.worker["mu_descriptions"]) if self.state.worker else None
        settings, published = self.state.options.settings, []
        if settings.data == "hub" and not self.state.worker:
            self.state.display.tell("looking for the published data")
            # This fails fast: nothing is started or trained when the data cannot be had.
            published = [registry.find_task(name, "hub") for name in settings.tasks]
            for task in published:
                task.prepare(settings.architecture or task.architectures[0])
                task.check_available()  # type: ignore[attr-defined]
        for number, ref in enumerate(self.state.options.methods):
            claims = Claims.from_json(described[number]["claims"]) if described else None
            session = JudgingSession(ref, settings, claims=claims, tasks=published, tell=self.state.display.tell)
            session.method.start()
            self.state.sessions.append(session)
        self.state.descriptions = described or [self._describe(session) for session in self.state.sessions]
        for session, description in zip(self.state.sessions, self.state.descriptions, strict=True):
            session.described(description)
        if self.state.config.args_source is not self.state.config.ArgsSource.ARGS:
            self.state.config.args = packaged_suites()
        if self.state.worker:
            resumed = json.loads(self.state.worker["mu_resumed"])
            for record, findings in zip(self.state.records, resumed, strict=True):
                for finding in findings:
                    record.add(Judged.from_json(finding))
        elif not self.state.config.option.collectonly:
            paths = "" if self.state.packaged else " ".join(map(str, self.state.config.args))
            self.state.records = self.state.reporting.prepare(
                self.state.descriptions, [s.claims for s in self.state.sessions], paths
            )

    def _describe(self, session: JudgingSession) -> dict[str, Any]:
        self.state.display.tell(f"starting {session.method.method_ref}")
        return session.description

    def pytest_report_header(self) -> str:
        """Say in what the method runs."""
        settings = self.state.options.settings
        why = "" if settings.in_process or settings.sandbox is not None else why_none()
        return f"mu-conformance: sandbox {settings.sandbox_name}{f' ({why})' if why else ''}"

    # -- judging ------------------------------------------------------------------------------------------------

    @pytest.fixture
    def mu_judgement(self, request: Any) -> Any:
        """A function from a question to its answer, which also sends the finding to the controller."""

        def judge(question: Question) -> Answer:
            number, entry = question.method, question.entry
            session = self.state.sessions[number]
            sent: dict[str, Any] = {"method": number, "scenario": entry.scenario}
            judged = self.state.records[number].judged.get(entry.key)
            if judged is None:
                judged = session.unclaimed(entry) or session.judge(entry)
                if self._interrupted:
                    # Whoever ran when the signal came may have made an error of their own of it, which is no finding.
                    raise KeyboardInterrupt
                sent["finding"] = judged.to_json()
                if (number, entry.task) not in self._told:
                    # The controller of workers knows no task that is not registered.
                    self._told.add((number, entry.task))
                    sent["entries"] = [one.to_json() for one in session.entries(session.task(entry.task))]
            waived = apply_waivers(judged.finding, self.waivers, entry)
            sent |= {"outcome": waived["outcome"], "fault": waived.get("fault")}
            # Not ``record_property``, which warns of every test where --junitxml is given.
            request.node.user_properties.append((PROPERTY, json.dumps(sent, allow_nan=False)))
            level = waived.get("level") or find_check(entry.check).level
            advised = level == Level.SHOULD and not self.state.options.settings.strict
            return Answer(Outcome(waived["outcome"]), waived["message"], advised and waived["outcome"] in _BAD)

        return judge

    # -- aggregation --------------------------------------------------------------------------------------------

    def pytest_runtest_logreport(self, report: Any) -> None:
        if self.state.worker:
            return
        sent = told(report)
        if sent is not None:
            # A finding of the run that is resumed is not sent again.
            if "finding" in sent:
                self.state.reporting.take(self.state.records, sent)
            self.state.display.judged(work_name(sent["method"], sent["scenario"]))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self) -> Iterator[None]:
        """End on SIGTERM as on Ctrl-C: with a scorecard of what was judged."""
        if self.state.worker is not None or threading.current_thread() is not threading.main_thread():
            return (yield)

        def interrupt(number: int, frame: Any) -> None:
            self._interrupted = True
            raise KeyboardInterrupt

        before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            return (yield)
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def pytest_keyboard_interrupt(self) -> None:
        self.state.display.tell("stopping")

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: Any, exitstatus: int) -> None:
        self.state.display.tell("writing the scorecard")
        if self.state.worker is None and not self.state.config.option.collectonly and exitstatus not in (4,):
            self._write_scorecards()
            if session.exitstatus in (0, 1, 5):
                failed = session.exitstatus == 1
                session.exitstatus = 1 if failed or not self.state.reporting.satisfied else 0
        self.state.reporting.put_back()
        for one in self.state.sessions:
            one.close()
        self.state.display.close()

    def _write_scorecards(self) -> None:
        scope = self.state.scope()
        for session, record in zip(self.state.sessions, self.state.records, strict=True):
            for name in scope:
                if name not in record.entries:
                    record.add_entries(name, session.entries(session.task(name)))
        self.state.reporting.write(self.state.records, scope)

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        self.state.reporting.summarise(terminalreporter)
