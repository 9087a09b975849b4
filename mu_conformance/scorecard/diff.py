"""Comparing two scorecards: which checks changed their outcome."""

from __future__ import annotations

from mu_conformance.decision.outcome import Outcome
from mu_conformance.scorecard.document import Document

__all__ = ["changes", "regressions"]

_GOOD = (Outcome.PASSED, Outcome.WAIVED)


def changes(before: Document, after: Document) -> list[tuple[str, str, str, str]]:
    """Return (check, scenario, outcome before, outcome after) for each entry that differs.

    The outcome is ``absent`` where one scorecard has no such entry.
    """
    old, new = ({(check.id, check.scenario): str(check.outcome) for check in card.checks} for card in (before, after))
    return [
        (*key, old.get(key, "absent"), new.get(key, "absent"))
        for key in sorted(old.keys() | new.keys())
        if old.get(key) != new.get(key)
    ]


def regressions(before: Document, after: Document) -> list[str]:
    """Return a line for each check that passed or was waived before and does not now.

    Absent now counts. A recommendation is no regression.
    """
    noted = {(found["id"], found["scenario"]) for found in after.verdict.recommendations}
    return [
        f"{check} on {scenario}: {old} before, {new} now"
        for check, scenario, old, new in changes(before, after)
        if old in _GOOD and new not in _GOOD and (check, scenario) not in noted
    ]
