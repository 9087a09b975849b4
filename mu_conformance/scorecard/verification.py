"""Verification: whether a scorecard adds up, without running anything again."""

from __future__ import annotations

import fnmatch
import math
from collections.abc import Mapping
from typing import Any

from mu_conformance.checks import manifest
from mu_conformance.checks.catalogue import catalogue
from mu_conformance.checks.power import REQUIRED_POWER
from mu_conformance.decision.finding import Measurement
from mu_conformance.decision.outcome import Level, Outcome, worst_of
from mu_conformance.decision.rule import decide
from mu_conformance.evidence.audit import Audit
from mu_conformance.evidence.base import Evidence
from mu_conformance.protocol.claims import Claims
from mu_conformance.scorecard.document import Check
from mu_conformance.scorecard.verdict import CONFORMANT, entry_of, overall

__all__ = ["verify"]

OUTCOMES = tuple(Outcome)
DECIDED_FAMILIES = ("forgetting", "privacy", "utility", "robustness")
"""Families whose checks pass only by an interval inside a margin."""
_TOLERANCE = 1e-9
_DIGITS = 1e-4
"""Relative error of values that were rounded to five digits."""


def _differs(stored: float | None, computed: float | None) -> bool:
    if stored is None or computed is None:
        return (stored is None) != (computed is None)
    return not math.isclose(stored, computed, rel_tol=1e-6, abs_tol=_TOLERANCE)


def _wrong_numbers(record: Mapping[str, Any], measurement: Measurement) -> list[str]:
    """Return what a measurement's own numbers do not bear out. Scorecards from before these keys have none of them."""
    return [
        f"{key} of {measurement.name!r} is {record[key]}, its numbers give {getattr(measurement, key)}"
        for key in ("difference", "distance")
        if key in record and _differs(record[key], getattr(measurement, key))
    ]


def _wrong_values(measurement: Measurement) -> list[str]:
    """Return what the values of single models, to five digits, do not bear out."""
    found, references, problems = measurement.values, measurement.references, []
    if found is None:
        return []
    if found.references and references is not None:
        mean, scale = sum(found.references) / len(found.references), max(map(abs, found.references))
        if not math.isclose(mean, references.mean, rel_tol=_DIGITS, abs_tol=_DIGITS * scale):
            problems.append(
                f"the references' mean of {measurement.name!r} is {references.mean}, its values give {mean}"
            )
    if found.runs:
        slack = _DIGITS * max(map(abs, found.runs))
        if not min(found.runs) - slack <= measurement.value <= max(found.runs) + slack:
            problems.append(f"{measurement.name!r} is {measurement.value}, which is outside the values of its runs")
    return problems


def _contradictions(
    record: Mapping[str, Any], waivers: list[Mapping[str, Any]], claims: Claims, strict: bool
) -> list[str]:
    """Return outcomes and requirements that an entry's own measurements, the claims or the waivers do not bear out."""
    entry, problems = Check.from_json(record), []
    known = catalogue().get(entry.id)
    if known is None:
        problems.append("this version knows no such check")
    else:
        if manifest.required(entry_of(entry), claims, strict=strict) != entry.required:
            problems.append(f"required is {entry.required}, the claims say otherwise")
        lowered = (known.partly_should and entry.outcome in (Outcome.FAILED, Outcome.WAIVED)) or entry.unverified
        if "level" in record and entry.level is not known.level and not (lowered and entry.level is Level.SHOULD):
            problems.append(f"level is {entry.level}, the check's is {known.level}")
    if entry.outcome is Outcome.WAIVED and not any(
        waiver["check"] == entry.id and fnmatch.fnmatchcase(entry.scenario, waiver["scenario"]) for waiver in waivers
    ):
        problems.append("waived, but no waiver of the scorecard names it")
    decided = [measurement for measurement in entry.measurements if measurement.decided]
    by_interval = known is not None and known.family in DECIDED_FAMILIES and known.subject is not Audit
    if by_interval and not decided and entry.outcome is Outcome.PASSED:
        problems.append("passed, but nothing that was measured says so")
    if decided and entry.outcome in (Outcome.PASSED, Outcome.FAILED, Outcome.INCONCLUSIVE):
        found = worst_of(
            decide(one.interval, one.margin, one.sides)
            for one in decided
            if one.interval is not None and one.margin is not None and one.sides is not None
        )
        if found != entry.outcome:
            problems.append(f"outcome {entry.outcome}, its interval and margin say {found}")
    for stored, measurement in zip(record["measurements"], entry.measurements, strict=True):
        problems += _wrong_numbers(stored, measurement) + _wrong_values(measurement)
    return [f"{entry.id} on {entry.scenario}: {problem}" for problem in problems]


def _unfounded(scorecard: Mapping[str, Any], checks: list[Check]) -> list[str]:
    """Return what a verdict of conformance lacks: calls of the method, and scenarios with power enough to tell."""
    problems = []
    if not (scorecard.get("invocation", {}).get("seconds") or {}).get("calls"):
        problems.append("the verdict is of conformance, and the method was not called")
    power = {found["scenario"]: found["separation"] for found in scorecard["suite"].get("power") or ()}
    judged = {
        entry.scenario for entry in checks if entry.required and entry.outcome is Outcome.PASSED and _rests(entry)
    }
    for scenario in sorted(judged):
        found = power.get(scenario)
        if found is None or found < REQUIRED_POWER:
            problems.append(f"{scenario} passed with separation {found}, and {REQUIRED_POWER:g} is required to tell")
    return problems


def _rests(entry: Check) -> bool:
    """Return whether a check rests on telling originals from references."""
    known = catalogue().get(entry.id)
    return known is not None and known.family in ("forgetting", "privacy") and known.subject is Evidence


def verify(scorecard: Mapping[str, Any]) -> list[str]:
    """Return what does not add up in a scorecard as plain JSON, a line each.

    Outcomes against their own intervals, margins and waivers; what is required against the claims; the entries against
    the manifest's digest; the verdict against the checks; completeness against what has an outcome. This finds a
    document that contradicts itself. Only running it again can show that the numbers are what a run measured.
    """
    problems = []
    checks = scorecard.get("checks", [])
    unknown = [entry for entry in checks if entry.get("outcome") not in OUTCOMES]
    for entry in unknown:
        problems.append(f"{entry.get('id')} on {entry.get('scenario')}: unknown outcome {entry.get('outcome')!r}")
    try:
        listed = [manifest.Entry(e["task"], e["scenario"], e["id"], e["modality"], "") for e in checks]
        if manifest.manifest_digest(listed) != scorecard["suite"]["manifest_sha256"]:
            problems.append("the checks are not those of the manifest: entries were added, removed or renamed")
        claims, strict = Claims.from_json(scorecard["method"]["claims"]), bool(scorecard["suite"].get("strict", False))
        recorded, waivers = scorecard["verdict"], scorecard["waivers"]
    except KeyError as error:
        return [*problems, f"the key {error} is missing"]
    if unknown:
        return problems
    try:
        for entry in checks:
            problems += _contradictions(entry, waivers, claims, strict)
        complete = scorecard.get("complete") is True
        isolated = scorecard["suite"].get("isolated") is not False
        listed_checks = [Check.from_json(entry) for entry in checks]
        recomputed = overall(listed_checks, claims, strict=strict, complete=complete, isolated=isolated).to_json()
    except (KeyError, TypeError, IndexError, ValueError, AttributeError) as error:
        return [*problems, f"an entry is malformed: {type(error).__name__} {error}"]
    for key, value in recomputed.items():
        # Keys that an older scorecard lacks are not held against it.
        if key in recorded and recorded[key] != value:
            problems.append(f"verdict.{key} is {recorded[key]!r}, the checks give {value!r}")
        elif key not in recorded and key in ("status", "guarantee", "required", "passed", "not_passed", "scope"):
            problems.append(f"verdict.{key} is missing")
    if recorded.get("status") in CONFORMANT:
        problems += _unfounded(scorecard, listed_checks)
    ran = not any(entry["outcome"] == Outcome.NOT_RUN for entry in checks)
    if scorecard.get("complete") is True and not ran and "supports" in recorded:
        problems.append("complete is true, but some entries did not run")
    return problems
