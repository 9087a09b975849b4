"""The verdict of a run, from the manifest and the outcomes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mu_conformance.decision.rule import Outcome

__all__ = ["CONFORMANT", "overall"]

CONFORMANT = ("conformant", "conformant_with_waivers")

_BROKEN = (Outcome.FAILED, Outcome.ERROR, Outcome.STALE_WAIVER)
_GOOD = (Outcome.PASSED, Outcome.WAIVED)


def overall(checks: Sequence[dict[str, Any]], guarantee: str) -> dict[str, Any]:
    """The scorecard's ``verdict``. ``checks`` are its entries: one for each entry of the manifest, run or not.

    Conformant iff every required check passed, at least one forgetting and one utility check on one task among them.
    A required check that failed, or that could not be judged because the method broke, makes it nonconformant; one
    that is inconclusive or did not run leaves it incomplete.
    """
    required = [entry for entry in checks if entry["required"]]
    passed = [entry for entry in required if entry["outcome"] == Outcome.PASSED]
    good = [entry for entry in required if entry["outcome"] in _GOOD]
    families: dict[str, set[str]] = {}
    for entry in passed:
        families.setdefault(entry["task"], set()).add(entry["id"].partition(".")[0])
    substance = any({"forgetting", "utility"} <= found for found in families.values())
    if any(entry["outcome"] in _BROKEN for entry in required):
        status = "nonconformant"
    elif len(good) < len(required) or not substance:
        status = "incomplete"
    elif len(passed) < len(required):
        status = "conformant_with_waivers"
    else:
        status = "conformant"
    return {
        "status": status,
        "guarantee": guarantee,
        "scope": sorted({entry["task"] for entry in required}),
        "required": len(required),
        "passed": len(passed),
        "not_passed": [entry["id"] for entry in required if entry["outcome"] != Outcome.PASSED],
    }
