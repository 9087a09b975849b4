"""Building the scorecard from the record of a judgement."""

from __future__ import annotations

import dataclasses
import datetime
import importlib.metadata
import os
import platform
import shlex
from collections.abc import Iterable, Sequence
from typing import Any

from mu_conformance.checks import manifest
from mu_conformance.checks.catalogue import find_check
from mu_conformance.decision.finding import Measurement
from mu_conformance.decision.outcome import Fault, Level, Outcome
from mu_conformance.evidence.rounding import KEPT_BITS
from mu_conformance.scorecard import known_error_rates
from mu_conformance.scorecard.document import Check
from mu_conformance.scorecard.record import Context, Judged, Record
from mu_conformance.scorecard.scorecard import Scorecard
from mu_conformance.scorecard.verdict import CONFORMANT, overall
from mu_conformance.scorecard.verification import verify
from mu_conformance.scorecard.waivers import Waiver, apply_waivers

__all__ = ["build", "environment", "suite_version"]


MOST = 20
"""Largest number of contradictions that a scorecard lists."""


def suite_version() -> str:
    """Return the installed version of this package."""
    return importlib.metadata.version("mu-conformance")


def environment(device: str) -> dict[str, Any]:
    """Return what may change a result: versions, machine, threads."""
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


def _reproduce(entry: manifest.Entry, context: Context, challenge: str | None) -> str:
    part = entry.scenario.partition("/")[2].replace("%", "pct")
    where = f" {context.paths}" if context.paths else ""
    task = "" if context.paths else f" --mu-task {entry.task}"
    method = shlex.quote(str(context.method["ref"]))
    drawn = "" if challenge is None else f" --mu-challenge {shlex.quote(challenge)}"
    return f'pytest{where} --method {method}{task}{context.reproduce_options}{drawn} -k "{part}-{entry.check}"'


def _check(
    entry: manifest.Entry,
    judged: Judged | None,
    context: Context,
    waivers: Sequence[Waiver],
    challenge: str | None,
) -> Check:
    """Make the scorecard's entry; what is missing did not run."""
    claimed = manifest.claimed(entry, context.claims)
    found: dict[str, Any] = {"outcome": Outcome.NOT_RUN if claimed else Outcome.NOT_CLAIMED}
    if judged is not None:
        found = apply_waivers(judged.finding, waivers, entry)
    fault = found.get("fault")
    return Check(
        id=entry.check,
        task=entry.task,
        modality=entry.modality,
        scenario=entry.scenario,
        kind=entry.kind,
        ratio=entry.ratio,
        features=entry.features,
        outcome=Outcome(found["outcome"]),
        required=manifest.required(entry, context.claims, strict=context.strict),
        level=Level(found.get("level") or find_check(entry.check).level),
        fault=None if fault is None else Fault(fault),
        duration_s=round(0.0 if judged is None else judged.duration_s, 3),
        message=found.get("message", ""),
        measurements=tuple(map(Measurement.from_json, found.get("measurements", []))),
        reproduce=_reproduce(entry, context, challenge),
        traceback=str(found.get("traceback", "")),
    )


def _error_rates(context: Context, tasks: Iterable[str]) -> dict[str, Any]:
    """Return what is known of how often verdicts like this one are wrong."""
    measured = known_error_rates.studies() if context.studied else {}
    chosen = set(tasks)
    return {
        "false_alarm_rate": known_error_rates.false_alarm_rate(measured, context.profile, chosen),
        "share_kept_that_is_detected": known_error_rates.detected(measured, context.profile, chosen),
    }


def build(
    record: Record,
    context: Context,
    *,
    scope: Iterable[str] | None = None,
    finished: bool = True,
    challenge: str | None = None,
) -> Scorecard:
    """Build the scorecard of a method.

    Args:
        record: the manifest's entries and the findings.
        context: what the scorecard says besides.
        scope: tasks that it covers; None for all of the record's.
        challenge: what unforeseen requests were drawn from, told when the run is over; None if it is not known.
        finished: whether the record holds the whole manifest. The journal of a stopped run may lack whole tasks.
    """
    tasks = sorted(record.entries) if scope is None else list(scope)
    entries = [entry for name in tasks for entry in record.entries[name]]
    waivers = [Waiver(**waiver) for waiver in context.waivers]
    checks = tuple(_check(entry, record.judged.get(entry.key), context, waivers, challenge) for entry in entries)
    profile, claims = context.profile, context.claims
    complete = finished and bool(checks) and not any(check.outcome is Outcome.NOT_RUN for check in checks)
    isolated = bool(context.suite.get("isolated", True))
    card = Scorecard(
        generated_at=datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        suite={
            "version": suite_version(),
            "profile": profile.name,
            "looks": list(profile.looks),
            "references": profile.references,
            "level": profile.level,
            "strict": context.strict,
            "weight_bits": KEPT_BITS,
            "manifest_sha256": manifest.manifest_digest(entries),
            **context.suite,
            **({} if challenge is None else {"challenge": challenge}),
            "provenance": record.provenance,
            "artefacts_sha256": record.artefacts_sha256,
            "power": record.power,
            **_error_rates(context, {check.task for check in checks if check.required}),
        },
        method={**context.method, "claims": claims.to_json()},
        environment=dict(context.environment),
        invocation={**context.invocation, "seconds": record.seconds},
        verdict=overall(checks, claims, strict=context.strict, complete=complete, isolated=isolated),
        checks=checks,
        waivers=tuple(waiver.to_json() for waiver in waivers),
        complete=complete,
    )
    return _verified(card)


def _verified(card: Scorecard) -> Scorecard:
    """Return the scorecard; without a verdict of conformance, and with the reasons, if it contradicts itself."""
    problems = verify(card.to_json()) if card.verdict.status in CONFORMANT else []
    if not problems:
        return card
    verdict = dataclasses.replace(card.verdict, status="incomplete", supports=None)
    return dataclasses.replace(card, verdict=verdict, suite={**card.suite, "contradictions": problems[:MOST]})
