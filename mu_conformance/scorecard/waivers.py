"""Waivers: known failures, each with a reason. A waived check that passes is itself a failure (a stale waiver)."""

from __future__ import annotations

import dataclasses
import fnmatch
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mu_conformance import discovery
from mu_conformance.checks.catalogue import catalogue
from mu_conformance.checks.manifest import Entry
from mu_conformance.decision.outcome import Outcome

__all__ = ["Waiver", "WaiverError", "apply_waivers", "find_waiver", "read_waivers"]


class WaiverError(ValueError):
    """A waiver file that cannot be used; the message names the file and what is wrong."""


@dataclasses.dataclass(frozen=True)
class Waiver:
    """``check`` is an id; ``scenario`` a scenario's name or a pattern such as ``sentiment/*``."""

    check: str
    scenario: str
    reason: str
    source: str = ""

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


def read_waivers(paths: Iterable[Path]) -> list[Waiver]:
    """The waivers of TOML files with tables ``[[waiver]]`` of ``check``, ``reason`` and, optionally, ``scenario``."""
    waivers = []
    for path in paths:
        try:
            document = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise WaiverError(f"waiver file {path} cannot be read: {error}") from None
        tables = document.get("waiver", [])
        if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
            raise WaiverError(f"waiver file {path}: write each waiver as a [[waiver]] table, with double brackets")
        for number, table in enumerate(tables, 1):
            where = f"waiver {number} of {path}"
            unknown = set(table) - {"check", "scenario", "reason"}
            if unknown:
                raise WaiverError(f"{where} has the unknown key {min(unknown)!r}; the keys are check, scenario, reason")
            if not all(isinstance(value, str) for value in table.values()):
                raise WaiverError(f"{where}: check, scenario and reason are texts")
            if not table.get("check") or not table.get("reason"):
                raise WaiverError(f"{where} needs a check and a reason")
            try:
                check = discovery.one_of("check", table["check"], list(catalogue()))
            except discovery.UnknownName as error:
                raise WaiverError(f"{where}: {error}") from None
            waivers.append(Waiver(check, table.get("scenario", "*"), table["reason"], path.name))
        if "waiver" not in document:
            raise WaiverError(f"waiver file {path} has no [[waiver]] table")
    return waivers


def find_waiver(waivers: Iterable[Waiver], check: str, scenario: str) -> Waiver | None:
    """The first waiver that names this check on this scenario."""
    for waiver in waivers:
        if waiver.check == check and fnmatch.fnmatchcase(scenario, waiver.scenario):
            return waiver
    return None


def apply_waivers(finding: Mapping[str, Any], waivers: Iterable[Waiver], entry: Entry) -> dict[str, Any]:
    """Return a finding's record with the outcome that the waivers make of it.

    A waived check that failed or is inconclusive is ``waived``; one that passes is ``stale_waiver``, itself a failure.
    """
    waiver = find_waiver(waivers, entry.check, entry.scenario)
    outcome = finding["outcome"]
    if waiver is not None and outcome == Outcome.PASSED:
        message = f"the waiver in {waiver.source} is stale: the check passes; remove it"
        return {**finding, "outcome": str(Outcome.STALE_WAIVER), "message": message}
    if waiver is not None and outcome in (Outcome.FAILED, Outcome.INCONCLUSIVE):
        message = f"waived ({waiver.reason}): {finding['message']}"
        return {**finding, "outcome": str(Outcome.WAIVED), "message": message}
    return dict(finding)
