"""Building the scorecard from a manifest, the findings, and what is known of the run."""

from __future__ import annotations

import datetime
import os
import platform
import shlex
from collections.abc import Iterable, Mapping
from typing import Any

import mu_conformance
from mu_conformance.checks import manifest
from mu_conformance.decision.finding import plain
from mu_conformance.decision.rule import Outcome
from mu_conformance.protocol import Claims
from mu_conformance.scenarios.profiles import Profile
from mu_conformance.scorecard.document import SCHEMA
from mu_conformance.scorecard.verdict import overall

__all__ = ["build", "environment"]


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
    return f'pytest{where} --method {shlex.quote(method)}{task}{extra} -k "{part}-{entry.check}"'


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
                "features": list(entry.features),
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
