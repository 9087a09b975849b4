"""Building, writing, reading and verifying the canonical scorecard.json."""

from __future__ import annotations

import datetime
import json
import os
import platform
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import mu_conformance
from mu_conformance import manifest
from mu_conformance.checks.finding import plain
from mu_conformance.profiles import Profile
from mu_conformance.protocol import Claims
from mu_conformance.scorecard.verdicts import overall
from mu_conformance.verdict import Outcome

__all__ = ["SCHEMA", "ScorecardError", "build", "environment", "read", "verify", "write"]

SCHEMA = "mu-conformance/scorecard/1"
OUTCOMES = tuple(Outcome)


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


def _reproduce(method: str, entry: manifest.Entry, extra: str) -> str:
    part = entry.scenario.partition("/")[2].replace("%", "pct")
    return f'pytest --method {method} --mu-task {entry.task}{extra} -k "{part}-{entry.check}"'


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
                "outcome": result["outcome"],
                "required": needed,
                "duration_s": round(float(result.get("duration_s", 0.0)), 3),
                "message": result.get("message", ""),
                "measurements": list(result.get("measurements", [])),
                "reproduce": _reproduce(str(method["ref"]), entry, reproduce_options),
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


def verify(scorecard: Mapping[str, Any]) -> list[str]:
    """What does not add up, a line each: outcomes, the manifest's digest, and the verdict recomputed from the checks."""
    problems = []
    checks = scorecard.get("checks", [])
    for entry in checks:
        if entry.get("outcome") not in OUTCOMES:
            problems.append(f"{entry.get('id')} on {entry.get('scenario')}: unknown outcome {entry.get('outcome')!r}")
    try:
        listed = [manifest.Entry(e["task"], e["scenario"], e["id"], e["modality"], "") for e in checks]
        if manifest.manifest_digest(listed) != scorecard["suite"]["manifest_sha256"]:
            problems.append("the checks are not those of the manifest: entries were added, removed or renamed")
        recomputed = overall(checks, scorecard["verdict"]["guarantee"])
    except KeyError as error:
        return [*problems, f"the key {error} is missing"]
    for key, value in recomputed.items():
        if scorecard["verdict"].get(key) != value:
            problems.append(f"verdict.{key} is {scorecard['verdict'].get(key)!r}, the checks give {value!r}")
    return problems
