"""The scorecards at the end of a run: building, comparing with a baseline, writing, and the last lines on them."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from mu_conformance.plugins.options import Options

from mu_conformance.checks import manifest
from mu_conformance.conditions.conditions import Conditions
from mu_conformance.judging.record import Aggregate
from mu_conformance.judging.session import Settings
from mu_conformance.judging.waivers import Waiver
from mu_conformance.protocol import Claims
from mu_conformance.scenarios.profiles import PROFILES
from mu_conformance.scorecard import building, document, summary
from mu_conformance.scorecard import diff as comparison
from mu_conformance.scorecard import known_error_rates as validity
from mu_conformance.scorecard.renders import markdown, methods
from mu_conformance.scorecard.verdict import CONFORMANT

__all__ = ["Reporting", "conftests", "read_baseline"]


def read_baseline(options: Options) -> dict[str, Any] | None:
    """The earlier scorecard that the user named; a usage error if it is of other data than this run."""
    if options.baseline is None:
        return None
    baseline = document.read(options.baseline)
    data = str(baseline["suite"].get("data", "embedded"))
    if data != options.settings.data:
        raise pytest.UsageError(
            f"--mu-baseline {options.baseline} is of {data} data, this run of {options.settings.data}: "
            "name a baseline of the same data"
        )
    return baseline


class Reporting:
    """One scorecard for each method: where it goes, what is in it, and what came of it."""

    def __init__(self, config: Any, options: Options, waivers: list[Waiver], baseline: dict[str, Any] | None) -> None:
        self.config, self.options, self.waivers, self.baseline = config, options, waivers, baseline
        self.folders = self._report_folders()
        self.scorecards: list[dict[str, Any]] = []
        self.regressions: list[str] = []
        self.notes: list[str] = []

    @property
    def satisfied(self) -> bool:
        """Whether every method is conformant and nothing got worse."""
        conformant = all(card["verdict"]["status"] in CONFORMANT for card in self.scorecards)
        return conformant and not self.regressions

    def prepare(self) -> None:
        """Make the report folders, and put what an earlier run left there aside."""
        for folder in self.folders:
            _make_writable(folder)
            with contextlib.suppress(FileNotFoundError):
                os.replace(folder / "scorecard.json", folder / "scorecard.previous.json")

    def write(
        self,
        aggregate: Aggregate,
        scope: list[str],
        claims: list[Claims],
        descriptions: list[dict[str, Any]],
        paths: str,
    ) -> None:
        """Build and write each method's scorecard over the tasks of ``scope``; ``paths`` are the suites, if not ours."""
        entries = [entry for name in scope for entry in aggregate.entries[name]]
        for number, claimed in enumerate(claims):
            card = self._build(number, entries, aggregate, claimed, descriptions[number], paths)
            self.scorecards.append(card)
            if self.baseline is not None:
                self.regressions += comparison.regressions(self.baseline, card)
            self._write(number, card)
        if len(self.scorecards) > 1:
            self._write_methods()

    def summarise(self, terminal: Any) -> None:
        """The last lines of a run."""
        for card, folder in zip(self.scorecards, self.folders, strict=False):
            terminal.section("mu-conformance")
            for line in summary.terminal_lines(card):
                terminal.write_line(line)
            terminal.write_line(f"scorecard: {folder / 'scorecard.json'}")
        if len(self.scorecards) > 1:
            terminal.section("mu-conformance: methods")
            for line in methods.terminal_lines(self.scorecards):
                terminal.write_line(line)
        for line in [*self.notes, *(f"regression: {line}" for line in self.regressions)]:
            terminal.write_line(line)

    def _report_folders(self) -> list[Path]:
        """Where each method's scorecard goes: the report folder itself for one method, a folder each for several."""
        if len(self.options.methods) == 1:
            return [self.options.report]
        # without hyperparameters, which would not do in a folder's name
        names = [ref.partition("(")[0].rpartition(":")[2] for ref in self.options.methods]
        return [self.options.report / f"{number + 1}-{name}" for number, name in enumerate(names)]

    def _build(
        self,
        number: int,
        entries: list[manifest.Entry],
        aggregate: Aggregate,
        claims: Claims,
        description: dict[str, Any],
        paths: str,
    ) -> dict[str, Any]:
        settings = self.options.settings
        return building.build(
            entries=entries,
            results=aggregate.results[number],
            claims=claims,
            method={
                "ref": self.options.methods[number],
                **{key: description[key] for key in ("distribution", "version", "source_sha256")},
            },
            profile=settings.profile,
            suite={
                "seed": settings.seed,
                "data": settings.data,
                "provenance": {name: aggregate.provenance[name] for name in sorted(aggregate.provenance)},
                "isolated": not settings.in_process,
                "artefacts_sha256": _joined(aggregate.store_digests),
                "power": [aggregate.power[name] for name in sorted(aggregate.power)],
                **_error_rates(settings, {e.task for e in entries if manifest.required(e, claims)}),
            },
            environment=building.environment(settings.device),
            invocation={
                "args": [str(a) for a in self.config.invocation_params.args],
                "plugins": sorted(
                    f"{d.project_name} {d.version}" for _, d in self.config.pluginmanager.list_plugin_distinfo()
                ),
                "conftests": conftests(self.config),
                "seconds": {name: round(seconds, 2) for name, seconds in sorted(aggregate.costs.items())},
            },
            waivers=[waiver.to_json() for waiver in self.waivers],
            reproduce_options=_reproduce_options(settings),
            paths=paths,
        )

    def _write(self, number: int, card: dict[str, Any]) -> None:
        folder, rendered = self.folders[number], markdown.render(card)
        try:
            _write_report(folder, card, rendered)
        except OSError as error:
            self.folders[number] = Path(tempfile.mkdtemp(prefix="mu-report-"))
            _write_report(self.folders[number], card, rendered)
            self.notes.append(f"{folder} cannot be written ({error.strerror}); the scorecard went elsewhere")
        _append_step_summary(rendered)

    def _write_methods(self) -> None:
        """All methods side by side, beside their folders."""
        rendered = methods.render(self.scorecards)
        with contextlib.suppress(OSError):  # where the scorecards could not be written either, and that was said
            (self.options.report / "methods.md").write_text(rendered, encoding="utf-8")
        _append_step_summary(rendered)


def conftests(config: Any) -> list[str]:
    """The conftest files that were loaded."""
    return sorted(
        str(plugin.__file__)
        for plugin in config.pluginmanager.get_plugins()
        if str(getattr(plugin, "__file__", "") or "").endswith("conftest.py")
    )


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


def _append_step_summary(rendered: str) -> None:
    """Show it on the page of a CI job, where there is one."""
    if os.environ.get("GITHUB_STEP_SUMMARY"):
        with open(os.environ["GITHUB_STEP_SUMMARY"], "a", encoding="utf-8") as file:
            file.write(rendered + "\n")


def _error_rates(settings: Settings, tasks: set[str]) -> dict[str, Any]:
    """What is known of how often verdicts like this one are wrong: measured on the embedded tasks under no condition alone."""
    plain = settings.data == "embedded" and settings.architecture is None and settings.conditions == Conditions()
    measured = validity.studies() if plain else {}
    return {
        "false_alarm_rate": validity.false_alarm_rate(measured, settings.profile, tasks),
        "share_kept_that_is_detected": validity.detected(measured, settings.profile, tasks),
    }


def _joined(digests: set[str]) -> str:
    """The one digest, where all workers saw the same artefacts; else a digest of theirs."""
    if len(digests) == 1:
        return next(iter(digests))
    return hashlib.sha256("".join(sorted(digests)).encode()).hexdigest()


def _reproduce_options(settings: Settings) -> str:
    """The options that change what is judged, as they stand in a line that runs one check again."""
    options = ""
    if settings.seed is not None:
        options += f" --mu-seed {settings.seed}"
    if settings.data != "embedded":
        options += f" --mu-data {settings.data}"
    if settings.architecture is not None:
        options += f" --mu-model {settings.architecture}"
    if settings.profile.name != "smoke":
        options += f" --mu-profile {settings.profile.name}"
    if settings.profile.ratio != PROFILES[settings.profile.name].ratio:
        options += f" --mu-ratio {settings.profile.ratio:g}"
    return options + settings.conditions.options
