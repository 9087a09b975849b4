"""The verdict of a run, from the manifest and the outcomes."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence

from mu_conformance.checks import manifest
from mu_conformance.checks.catalogue import catalogue
from mu_conformance.decision.outcome import Fault, Outcome
from mu_conformance.protocol.claims import Claims, Guarantee
from mu_conformance.scorecard.document import Check, FamilyDistance, Verdict

__all__ = ["CONFORMANT", "distances", "entry_of", "overall", "supported"]

CONFORMANT = ("conformant", "conformant_with_waivers")

_GOOD = (Outcome.PASSED, Outcome.WAIVED)
_AUDITED = (Guarantee.EPSILON_DELTA, Guarantee.EXACT)
"""Guarantees that only the per-example audit can support."""
_AUDIT = "privacy.worst-example"


def overall(
    checks: Sequence[Check], claims: Claims, *, strict: bool = False, complete: bool = True, isolated: bool = True
) -> Verdict:
    """Decide the verdict. ``checks`` has one entry for each entry of the manifest, judged or not.

    Conformant iff every required check passed, at least one forgetting and one utility check on one task among them.
    A required check that failed, or that could not be judged because the method broke, makes it nonconformant. One that
    is inconclusive, did not run, or could not be judged through the suite's own fault leaves it incomplete. Failures at
    level SHOULD are recommendations unless ``strict``. A run that is not ``complete`` is never conformant and supports
    nothing: what it did not judge may be missing from ``checks``. Nor is one that was not ``isolated``, because the
    method could have changed what judges it.
    """
    required = [entry for entry in checks if entry.required]
    passed = [entry for entry in required if _passed(entry, strict)]
    good = [entry for entry in required if _passed(entry, strict) or entry.outcome in _GOOD]
    stale = any(entry.outcome is Outcome.STALE_WAIVER for entry in checks)
    if stale or any(_broken(entry, strict) for entry in required):
        status = "nonconformant"
    elif not complete or not isolated or len(good) < len(required) or not _substance(passed):
        status = "incomplete"
    elif len(passed) < len(required):
        status = "conformant_with_waivers"
    else:
        status = "conformant"
    recommended = () if strict else tuple(entry for entry in checks if entry.recommendation)
    return Verdict(
        status=status,
        guarantee=str(claims.guarantee),
        scope=tuple(sorted({entry.task for entry in required})),
        required=len(required),
        passed=len(passed),
        not_passed=tuple(entry.id for entry in required if not _passed(entry, strict)),
        supports=supported(checks, claims, strict=strict) if complete and isolated else None,
        distance=distances(checks),
        recommendations=tuple(
            {"id": entry.id, "scenario": entry.scenario, "message": entry.message} for entry in recommended
        ),
    )


def _passed(entry: Check, strict: bool) -> bool:
    """Whether all that decides of an entry passed: a failure at level SHOULD is a recommendation."""
    return entry.outcome is Outcome.PASSED or (entry.recommendation and not strict)


def _broken(entry: Check, strict: bool) -> bool:
    if entry.recommendation:
        return strict and not entry.unverified
    if entry.outcome is Outcome.ERROR:
        return entry.fault is not Fault.SUITE
    return entry.outcome is Outcome.FAILED


def _substance(passed: Iterable[Check]) -> bool:
    """Whether a forgetting and a utility check passed on one task."""
    families: dict[str, set[str]] = {}
    for entry in passed:
        families.setdefault(entry.task, set()).add(entry.family)
    return any({"forgetting", "utility"} <= found for found in families.values())


def entry_of(check: Check) -> manifest.Entry:
    """Return the manifest's entry that a check of the scorecard answers."""
    return manifest.Entry(
        check.task, check.scenario, check.id, check.modality, check.kind, check.ratio, tuple(check.features)
    )


def _asked(entry: Check, claims: Claims, strict: bool) -> bool:
    if entry.id not in catalogue():  # a check of another version
        return entry.required
    return manifest.required(entry_of(entry), claims, strict=strict)


def supported(checks: Sequence[Check], claims: Claims, *, strict: bool = False) -> str | None:
    """Return the strongest guarantee, up to the claim, all of whose required checks passed; None if there is none.

    A waived check supports nothing. Epsilon-delta and exact unlearning also need the per-example audit to have passed.
    """
    for guarantee in reversed(Guarantee):
        if not claims.at_least(guarantee) or (
            guarantee is Guarantee.EPSILON_DELTA and None in (claims.epsilon, claims.delta)
        ):
            continue
        weaker = claims.weakened(guarantee)
        asked = [entry for entry in checks if _asked(entry, weaker, strict)]
        audited = any(entry.id == _AUDIT and entry.outcome is Outcome.PASSED for entry in asked)
        if guarantee in _AUDITED and not audited:
            continue
        if all(_passed(entry, strict) for entry in asked) and _substance(asked):
            return str(guarantee)
    return None


def distances(checks: Iterable[Check]) -> dict[str, FamilyDistance]:
    """Return median and worst distance from retraining by family, over what decided the required checks."""
    found: dict[str, list[tuple[float, str, str]]] = {}
    for entry in checks:
        if entry.required:
            for measurement in entry.measurements:
                if measurement.departure is not None:
                    found.setdefault(entry.family, []).append((measurement.departure, entry.id, entry.scenario))
    return {
        family: FamilyDistance(
            round(statistics.median(distance for distance, _, _ in listed), 4),
            round(max(listed)[0], 4),
            *max(listed)[1:],
        )
        for family, listed in found.items()
    }
