"""Verification: whether a scorecard adds up, without running anything again."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from typing import Any

from mu_conformance.checks import catalogue, find_check, manifest
from mu_conformance.decision.rule import Interval, Outcome, Sides, decide, worst_of
from mu_conformance.protocol import Claims
from mu_conformance.scorecard.verdict import overall

__all__ = ["verify"]

OUTCOMES = tuple(Outcome)
DECIDED_FAMILIES = ("forgetting", "privacy", "utility", "robustness")
"""Families whose checks pass only by an interval inside a margin."""


def _contradictions(scorecard: Mapping[str, Any]) -> list[str]:
    """Outcomes and requirements that the entries' own measurements, the claims or the waivers do not bear out."""
    problems = []
    claims = Claims.from_json(scorecard["method"]["claims"])
    waived = {(waiver["check"], waiver["scenario"]) for waiver in scorecard["waivers"]}
    for entry in scorecard["checks"]:
        where = f"{entry['id']} on {entry['scenario']}"
        listed = manifest.Entry(
            entry["task"],
            entry["scenario"],
            entry["id"],
            entry["modality"],
            entry["kind"],
            entry["ratio"],
            tuple(entry["features"]),
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
