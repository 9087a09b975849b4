"""Building, writing, reading and verifying the canonical scorecard.json."""

from __future__ import annotations

import datetime
import fnmatch
import json
import os
import platform
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import mu_conformance
from mu_conformance import manifest
from mu_conformance.checks import catalogue, find_check
from mu_conformance.checks.finding import plain
from mu_conformance.profiles import Profile
from mu_conformance.protocol import Claims
from mu_conformance.scorecard.verdicts import overall
from mu_conformance.verdict import Interval, Outcome, Sides, decide, worst_of

__all__ = ["SCHEMA", "ScorecardError", "build", "environment", "read", "verify", "write"]

SCHEMA = "mu-conformance/scorecard/1"
OUTCOMES = tuple(Outcome)
DECIDED_FAMILIES = ("forgetting", "privacy", "utility", "robustness")
"""Families whose checks pass only by an interval inside a margin."""


class ScorecardError(ValueError):
    """A scorecard that cannot be read or does not add up; the message says where."""


def environment(device: str) -> dict[str, Any]:
    """What may change a result: versions, machine, threads."""
    import importlib.metadata

    versions: dict[str, str | None] = {}
    for name in ("torch", "transformers", "numpy", "scipy", "pytest"):
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = None
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "machine": platform.machine(),
        "processors": os.cpu_count(),
        "device": device,
        **versions,
    }


def _reproduce(method: str, entry: manifest.Entry, extra: str, paths: str) -> str:
    part = entry.scenario.partition("/")[2].replace("%", "pct")
    where = f" {paths}" if paths else ""
    task = "" if paths else f" --mu-task {entry.task}"
    return f'pytest{where} --method {method}{task}{extra} -k "{part}-{entry.check}"'


def build(
    *,
    entries: Iterable[manifest.Entry],
    results: Mapping[tuple[str, str], Mapping[str, Any]],
    claims: Claims,
    method: Mapping[str, Any],
    profile: Profile,
    suite: Mapping[str, Any],
    environment: Mapping[str, Any],
    invocation: Mapping[str, Any],
    waivers: Iterable[Mapping[str, Any]],
    reproduce_options: str = "",
    paths: str = "",
) -> dict[str, Any]:
    """The scorecard as plain JSON. ``results`` maps (check, scenario) to a finding's record; what is missing did not run."""
    listed = list(entries)
    checks = []
    for entry in listed:
        needed = manifest.required(entry, claims)
        missing = Outcome.NOT_RUN if needed else Outcome.NOT_CLAIMED
        result = results.get(entry.key) or {
            "outcome": str(missing),
            "measurements": [],
            "message": "",
            "duration_s": 0.0,
        }
        checks.append(
            {
                "id": entry.check,
                "task": entry.task,
                "modality": entry.modality,
                "scenario": entry.scenario,
                "kind": entry.kind,
                "ratio": entry.ratio,
                "outcome": result["outcome"],
                "required": needed,
                "duration_s": round(float(result.get("duration_s", 0.0)), 3),
                "message": result.get("message", ""),
                "measurements": list(result.get("measurements", [])),
                "reproduce": _reproduce(str(method["ref"]), entry, reproduce_options, paths),
            }
        )
    return plain(
        {
            "schema": SCHEMA,
            "generated_at": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "suite": {
                "version": mu_conformance.__version__,
                "profile": profile.name,
                "looks": list(profile.looks),
                "references": profile.references,
                "level": profile.level,
                "manifest_sha256": manifest.manifest_digest(listed),
                **suite,
            },
            "method": {**method, "claims": claims.to_json()},
            "environment": dict(environment),
            "invocation": dict(invocation),
            "verdict": overall(checks, str(claims.guarantee)),
            "checks": checks,
            "waivers": list(waivers),
            "complete": True,
        }
    )


def write(scorecard: Mapping[str, Any], path: Path) -> None:
    """Write atomically; ``complete`` is the document's last key, so a truncated file is invalid."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text(json.dumps(scorecard, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    os.replace(partial, path)


def read(path: Path) -> dict[str, Any]:
    """Read a scorecard; ``ScorecardError`` if it is missing, truncated, incomplete or of another schema."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ScorecardError(f"scorecard {path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise ScorecardError(f"scorecard {path} is not valid JSON ({error}); was the run cut off?") from None
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise ScorecardError(f"{path} is not a scorecard of schema {SCHEMA}")
    if document.get("complete") is not True:
        raise ScorecardError(f"scorecard {path} is incomplete: the run did not end")
    return document


def _contradictions(scorecard: Mapping[str, Any]) -> list[str]:
    """Outcomes and requirements that the entries' own measurements, the claims or the waivers do not bear out."""
    problems = []
    claims = Claims.from_json(scorecard["method"]["claims"])
    waived = {(waiver["check"], waiver["scenario"]) for waiver in scorecard["waivers"]}
    for entry in scorecard["checks"]:
        where = f"{entry['id']} on {entry['scenario']}"
        listed = manifest.Entry(
            entry["task"], entry["scenario"], entry["id"], entry["modality"], entry["kind"], entry["ratio"]
        )
        if entry["id"] not in catalogue():
            problems.append(f"{where}: this version knows no such check")
        elif manifest.required(listed, claims) != entry["required"]:
            problems.append(f"{where}: required is {entry['required']}, the claims say otherwise")
        if entry["outcome"] == Outcome.WAIVED and not any(
            check == entry["id"] and fnmatch.fnmatchcase(entry["scenario"], pattern) for check, pattern in waived
        ):
            problems.append(f"{where}: waived, but no waiver of the scorecard names it")
        decided = [m for m in entry["measurements"] if "interval" in m and "sides" in m]
        judged = find_check(entry["id"]).family in DECIDED_FAMILIES if entry["id"] in catalogue() else False
        if judged and not decided and entry["outcome"] == Outcome.PASSED:
            problems.append(f"{where}: passed, but nothing that was measured says so")
        if decided and entry["outcome"] in (Outcome.PASSED, Outcome.FAILED, Outcome.INCONCLUSIVE):
            found = worst_of(
                decide(Interval(m["interval"][0], m["interval"][1], m["level"]), m["margin"], Sides(m["sides"]))
                for m in decided
            )
            if found != entry["outcome"]:
                problems.append(f"{where}: outcome {entry['outcome']}, its interval and margin say {found}")
    return problems


def verify(scorecard: Mapping[str, Any]) -> list[str]:
    """What does not add up, a line each.

    Outcomes against their own intervals, margins and waivers; what is required against the claims; the entries against
    the manifest's digest; the verdict against the checks. This finds a document that contradicts itself. That the
    numbers are what a run measured only running it again can show.
    """
    problems = []
    checks = scorecard.get("checks", [])
    for entry in checks:
        if entry.get("outcome") not in OUTCOMES:
            problems.append(f"{entry.get('id')} on {entry.get('scenario')}: unknown outcome {entry.get('outcome')!r}")
    try:
        listed = [manifest.Entry(e["task"], e["scenario"], e["id"], e["modality"], "") for e in checks]
        if manifest.manifest_digest(listed) != scorecard["suite"]["manifest_sha256"]:
            problems.append("the checks are not those of the manifest: entries were added, removed or renamed")
        recomputed = overall(checks, str(Claims.from_json(scorecard["method"]["claims"]).guarantee))
        recorded = scorecard["verdict"]
    except KeyError as error:
        return [*problems, f"the key {error} is missing"]
    try:
        problems += _contradictions(scorecard)
    except (KeyError, TypeError, IndexError, ValueError) as error:
        problems.append(f"an entry is malformed: {type(error).__name__} {error}")
    for key, value in recomputed.items():
        if recorded.get(key) != value:
            problems.append(f"verdict.{key} is {recorded.get(key)!r}, the checks give {value!r}")
    return problems
