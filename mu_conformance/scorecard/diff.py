"""Comparing two scorecards: which checks changed their outcome."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["changes", "regressions"]

_GOOD = ("passed", "waived")


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    """(check, scenario, outcome before, outcome after) for each that differs; ``absent`` where one has no such entry."""

    def outcomes(scorecard: Mapping[str, Any]) -> dict[tuple[str, str], str]:
        return {(entry["id"], entry["scenario"]): entry["outcome"] for entry in scorecard["checks"]}

    old, new = outcomes(before), outcomes(after)
    return [
        (*key, old.get(key, "absent"), new.get(key, "absent"))
        for key in sorted(old.keys() | new.keys())
        if old.get(key) != new.get(key)
    ]


def regressions(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Checks that passed (or were waived) before and do not now, a line each. Absent now counts: nothing may be dropped."""
    return [
        f"{check} on {scenario}: {old} before, {new} now"
        for check, scenario, old, new in changes(before, after)
        if old in _GOOD and new not in _GOOD
    ]
