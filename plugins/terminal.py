"""Keeps pytest's terminal to what the scorecard's summary does not say: our tests print no dots and no failures.

The counts in pytest's last line, the exit status and reports in files stay as they are.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from mu_conformance.decision.outcome import Fault, Outcome

from .collection import question
from .progress import Display

__all__ = ["PROPERTY", "Terminal", "category", "told"]

PROPERTY = "mu_conformance"
"""User property of a test's report: JSON of the outcome and, where it is new, the finding."""
INCONCLUSIVE = "inconclusive"
HIDDEN = ("failed", INCONCLUSIVE)
"""Categories of reports that pytest would list at the end."""


def told(report: Any) -> dict[str, Any] | None:
    """Return what one of our tests said of its judgement; None for other reports, as of a setup that failed."""
    if getattr(report, "when", None) != "call":
        return None
    for name, value in report.user_properties:
        if name == PROPERTY:
            found: dict[str, Any] = json.loads(value)
            return found
    return None


def category(report: Any, outcome: str, fault: str | None) -> str:
    """Return the category in which a report is counted.

    A failure that says nothing of the method is "inconclusive": the outcome is that, or an error of the suite's fault.
    """
    if hasattr(report, "wasxfail"):
        return "xfailed"
    if report.failed and (outcome == Outcome.INCONCLUSIVE or (outcome == Outcome.ERROR and fault == Fault.SUITE)):
        return INCONCLUSIVE
    return str(report.outcome)


class Terminal:
    """The hooks on what pytest's terminal reporter prints."""

    def __init__(self, config: Any, display: Display) -> None:
        self.config, self.display = config, display
        self._ours: set[str] = set()
        self._summary = False

    @property
    def _verbose(self) -> bool:
        return bool(self.config.get_verbosity(pytest.Config.VERBOSITY_TEST_CASES) > 0)

    def pytest_sessionstart(self) -> None:
        reporter = self.config.pluginmanager.getplugin("terminalreporter")
        if reporter is not None and not self._verbose:
            # Of tests that print no dot, a percentage at the end of other tests' dots would be wrong.
            reporter._show_progress_info = False

    def pytest_collection_finish(self, session: Any) -> None:
        self._ours = {item.nodeid for item in session.items if question(item) is not None}

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_logstart(self, nodeid: str) -> Iterator[None]:
        """Have no file name printed, which pytest prints before a file's first test."""
        reporter = self.config.pluginmanager.getplugin("terminalreporter")
        if reporter is None or str(nodeid) not in self._ours or not reporter.showfspath or self._verbose:
            return (yield)
        reporter.showfspath = False
        try:
            return (yield)
        finally:
            reporter.showfspath = True

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: Any) -> Any:
        """Count our tests without a letter; pytest's line for each test has the word."""
        sent = told(report)
        if sent is None:
            return None
        counted = category(report, sent["outcome"], sent["fault"])
        word: Any = {"xfailed": "XFAIL"}.get(counted, counted.upper())
        if counted == INCONCLUSIVE:
            word = word, {"yellow": True}
        # The summaries that -r asks for need the word too.
        return counted, "", word if self._summary or self._verbose else ""

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_terminal_summary(self, terminalreporter: Any) -> Iterator[None]:
        """Take our failures out of pytest's lists, because the scorecard's summary has them, and count them again."""
        stats = terminalreporter.stats
        counted = {name: stats[name] for name in HIDDEN if name in stats}
        stats |= {name: [report for report in reports if told(report) is None] for name, reports in counted.items()}
        self._summary = True
        try:
            return (yield)
        finally:
            self._summary = False
            stats |= counted

    def pytest_enter_pdb(self) -> None:
        self.display.pause(True)

    def pytest_leave_pdb(self) -> None:
        self.display.pause(False)
