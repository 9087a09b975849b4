"""Where a run's journals and scorecards go, and the last lines on them. The library builds and renders them."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
import tempfile
import urllib.parse
from pathlib import Path
from typing import Any

import pytest

from mu_conformance.checks.manifest import Entry
from mu_conformance.protocol.claims import Claims
from mu_conformance.scorecard.building import build
from mu_conformance.scorecard.diff import regressions
from mu_conformance.scorecard.document import ScorecardError, make_writable, put_back, set_aside, write
from mu_conformance.scorecard.journal import Journal, identity
from mu_conformance.scorecard.record import Context, Judged, Record
from mu_conformance.scorecard.renders import methods
from mu_conformance.scorecard.renders.files import write_card_renders, write_render
from mu_conformance.scorecard.renders.terminal import terminal_line, terminal_lines
from mu_conformance.scorecard.scorecard import Scorecard
from mu_conformance.scorecard.verdict import CONFORMANT
from mu_conformance.scorecard.waivers import Waiver

from .influences import influences, merged
from .options import Options

__all__ = ["Reporting", "read_baseline"]

PARTIAL = "partial"
"""Folder of what a partial run writes, beside the scorecard of a whole one."""


def read_baseline(options: Options) -> Scorecard | None:
    """Return the earlier scorecard that the user named; a usage error if it is of other data than this run."""
    if options.baseline is None:
        return None
    baseline = Scorecard.load(options.baseline)
    data = str(baseline.suite.get("data", "embedded"))
    if data != options.settings.data:
        raise pytest.UsageError(
            f"--mu-baseline {options.baseline} is of {data} data, this run of {options.settings.data}: "
            "name a baseline of the same data"
        )
    if not baseline.complete:
        raise pytest.UsageError(
            f"--mu-baseline {options.baseline} is of a partial run: name the scorecard of a whole one"
        )
    return baseline


class Reporting:
    """One journal and one scorecard for each method."""

    def __init__(self, config: Any, options: Options, waivers: list[Waiver], baseline: Scorecard | None) -> None:
        self.config, self.options, self.waivers, self.baseline = config, options, waivers, baseline
        self.folders = self._report_folders()
        self.contexts: list[Context] = []
        self.journals: list[Journal] = []
        self.scorecards: list[Scorecard] = []
        self.written: list[Path] = []
        """The folder of each scorecard."""
        self.compared: Path | None = None
        """The page that compares several methods."""
        self.regressions: list[str] = []
        self.notes: list[str] = []
        self.aside: list[bool] = []
        """For each method, whether an earlier scorecard was set aside."""
        self.workers_influences: list[dict[str, Any]] = []
        """What could change the run in each worker."""
        self.whole = True
        """False where the manifest is not what a resumed journal has."""

    @property
    def satisfied(self) -> bool:
        """Whether every method is conformant and nothing got worse."""
        conformant = all(card.verdict.status in CONFORMANT for card in self.scorecards)
        return conformant and not self.regressions

    @property
    def narrowed(self) -> bool:
        """Whether the user chose some tests of a suite, so that the run cannot be whole."""
        option = self.config.option
        return bool(option.keyword or option.markexpr or any("::" in str(arg) for arg in self.config.args))

    def prepare(self, descriptions: list[dict[str, Any]], claims: list[Claims], paths: str) -> list[Record]:
        """Open a journal for each method, or resume it; return the records that the run begins with.

        Nothing is written before every journal is known to fit.
        """
        settings, records = self.options.settings, []
        identified = [
            identity(description, claimed, settings.to_json(), ref)
            for ref, description, claimed in zip(self.options.methods, descriptions, claims, strict=True)
        ]
        self.contexts = [
            settings.context(ref, description, claimed, self._invocation(), waivers=self.waivers, paths=paths)
            for ref, description, claimed in zip(self.options.methods, descriptions, claims, strict=True)
        ]
        if self.options.resume:
            for folder, own in zip(self.folders, identified, strict=True):
                Journal.check(folder, own)
        for folder, own, context in zip(self.folders, identified, self.contexts, strict=True):
            kept = folder / PARTIAL if self.narrowed and not self.options.resume else folder
            make_writable(kept)
            if self.options.resume:
                journal, record = Journal.resume(folder, own)
            else:
                journal, record = Journal.create(kept, own, context), Record()
            self.aside.append(not self.narrowed and set_aside(folder))
            self.journals.append(journal)
            records.append(record)
        return records

    def take(self, records: list[Record], sent: dict[str, Any]) -> None:
        """Take what a test reported: a finding and, with the first of a task, the task's part of the manifest."""
        number, judged = sent["method"], Judged.from_json(sent["finding"])
        if "entries" in sent:
            self.collected(records, judged.entry.task, [Entry.from_json(entry) for entry in sent["entries"]])
        records[number].add(judged)
        self.journals[number].add(judged)

    def collected(self, records: list[Record], task: str, entries: list[Entry]) -> None:
        """Take a task's part of the manifest."""
        for record in records:
            try:
                record.add_entries(task, entries)
            except ScorecardError as error:
                self.whole = False
                if str(error) not in self.notes:
                    self.notes.append(str(error))
        for journal in self.journals:
            journal.add_entries(task, entries)

    def write(self, records: list[Record], scope: list[str]) -> None:
        """Build and write each method's scorecard over the tasks of ``scope``."""
        for number, (record, context) in enumerate(zip(records, self.contexts, strict=True)):
            invocation = {**context.invocation, **self._influences()}
            card = build(
                record,
                dataclasses.replace(context, invocation=invocation),
                scope=scope,
                finished=self.whole,
                challenge=self.options.settings.secret,
            )
            self.scorecards.append(card)
            if self.baseline is not None:
                self.regressions += regressions(self.baseline, card)
            self.written.append(self._write(number, card))
        for journal, card in zip(self.journals, self.scorecards, strict=True):
            if journal.failure is not None:
                self.notes.append(f"{journal.path} could not be written to its end: {journal.failure.strerror}")
            if card.complete:
                journal.end(str(card.suite["manifest_sha256"]))
            journal.close()
        if len(self.scorecards) > 1:
            self._write_methods()

    def summarise(self, terminal: Any) -> None:
        """Write the last lines of a run."""
        width, verbosity = terminal._tw.fullwidth, self.config.get_verbosity()
        if self.scorecards and verbosity >= 0:
            terminal.section("mu-conformance")
        for number, (card, folder) in enumerate(zip(self.scorecards, self.written, strict=False)):
            if verbosity < 0:
                terminal.write_line(terminal_line(card))
                continue
            if number:
                terminal.write_line("")
            for line in terminal_lines(card, width, every=verbosity > 0):
                terminal.write_line(line)
            page = folder / "index.html"
            terminal.write_line(f"page: {_near(page)}" if page.is_file() else f"scorecard: {_near(folder)}")
        if len(self.scorecards) > 1 and verbosity >= 0:
            terminal.section("mu-conformance: methods")
            for line in methods.terminal_lines(self.scorecards):
                terminal.write_line(line)
            if self.compared is not None:
                terminal.write_line(f"page: {_near(self.compared)}")
        if any(not card.complete for card in self.scorecards) and not self.narrowed:
            terminal.write_line("the same command with --mu-resume judges what is missing")
        for line in [*self.notes, *(f"regression: {line}" for line in self.regressions)]:
            terminal.write_line(line)

    def _report_folders(self) -> list[Path]:
        """Where each method's scorecard goes: the report folder itself for one method, a folder each for several."""
        if len(self.options.methods) == 1:
            return [self.options.report]
        # without hyperparameters, which would not do in a folder's name
        names = [ref.partition("(")[0].rpartition(":")[2] for ref in self.options.methods]
        return [self.options.report / f"{number + 1}-{name}" for number, name in enumerate(names)]

    def _invocation(self) -> dict[str, Any]:
        return {
            "args": _without_challenge([str(argument) for argument in self.config.invocation_params.args]),
            **self._influences(),
        }

    def _influences(self) -> dict[str, Any]:
        return merged([influences(self.config), *self.workers_influences])

    def put_back(self) -> None:
        """Put the earlier scorecards back where this run wrote no whole one, and close the journals."""
        for number, (folder, aside) in enumerate(zip(self.folders, self.aside, strict=False)):
            if aside and not (folder / "scorecard.json").exists():
                put_back(folder, self.options.methods[number])
        self.aside = []
        for journal in self.journals:
            journal.close()

    def _write(self, number: int, card: Scorecard) -> Path:
        """Write a scorecard and its renders; a partial one beside the whole one that may be there."""
        folder = self.folders[number]
        target = folder if card.complete else folder / PARTIAL
        try:
            _write_card(target, card)
        except OSError as error:
            elsewhere = Path(tempfile.mkdtemp(prefix="mu-report-"))
            _write_card(elsewhere, card)
            self.notes.append(f"{target} cannot be written ({error.strerror}); the scorecard went to {elsewhere}")
            target = elsewhere
        _append_step_summary(write_card_renders(target, card, self.notes))
        return target

    def _write_methods(self) -> None:
        """Write all methods side by side, beside their folders."""
        from mu_conformance.scorecard.renders import html_methods

        cards = self.scorecards
        whole = all(card.complete for card in cards)
        folder = self.options.report if whole else self.options.report / PARTIAL
        with contextlib.suppress(OSError):  # what follows says that it cannot be written
            folder.mkdir(parents=True, exist_ok=True)
        links = [_link(written / "index.html", folder) for written in self.written]
        if write_render(folder / "index.html", lambda: html_methods.render(cards, links), self.notes):
            self.compared = folder / "index.html"
        write_render(folder / "methods.csv", lambda: methods.as_csv(cards), self.notes)
        write_render(folder / "methods.tex", lambda: methods.as_latex(cards), self.notes)
        _append_step_summary(write_render(folder / "methods.md", lambda: methods.render(cards), self.notes))


def _without_challenge(arguments: list[str]) -> list[str]:
    """Return the arguments without the value of ``--mu-challenge``: the journal has them while methods run."""
    found = [re.sub("(--mu-challenge=).*", r"\1...", argument) for argument in arguments]
    return ["..." if number and found[number - 1] == "--mu-challenge" else one for number, one in enumerate(found)]


def _write_card(folder: Path, card: Scorecard) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    write(card, folder / "scorecard.json")


def _near(path: Path) -> Path:
    """Return a path as a user would type it: relative where it lies below the working folder."""
    try:
        return path.resolve().relative_to(Path.cwd())
    except ValueError:
        return path


def _link(page: Path, folder: Path) -> str | None:
    """Return a page's address from another in ``folder``; None if it lies elsewhere."""
    try:
        return urllib.parse.quote(os.path.relpath(page, folder).replace(os.sep, "/"))
    except ValueError:
        return None


def _append_step_summary(rendered: str) -> None:
    """Show it on the page of a CI job, where there is one."""
    if rendered and os.environ.get("GITHUB_STEP_SUMMARY"):
        with (
            contextlib.suppress(OSError),
            open(os.environ["GITHUB_STEP_SUMMARY"], "a", encoding="utf-8", errors="replace") as file,
        ):
            file.write(rendered + "\n")
