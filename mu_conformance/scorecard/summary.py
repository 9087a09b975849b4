"""What every render says: counts, the headline, a row for each scenario, and the checks in order of their distance."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable

from mu_conformance.decision.finding import Measurement
from mu_conformance.decision.outcome import Fault, Outcome
from mu_conformance.scorecard.document import Check, Document

__all__ = [
    "FAMILIES",
    "Counts",
    "by_check",
    "by_reason",
    "count",
    "decisive",
    "departure",
    "headline",
    "judged",
    "level_notes",
    "reason",
    "task_rows",
    "without_numbers",
    "worst_first",
]

FAMILIES = ("contract", "forgetting", "privacy", "utility", "robustness", "cost")


@dataclasses.dataclass(frozen=True)
class Counts:
    """How many required checks have which outcome; the numbers add up to ``required``."""

    required: int
    passed: int
    """Recommendations included."""
    failed: int
    """Failed, or not to be judged because the method broke."""
    inconclusive: int
    unjudged: int
    """Errors through the suite's own fault."""
    waived: int
    not_run: int
    stale: int = 0
    """Waivers of what passes, each of which makes a run nonconformant."""


def count(document: Document) -> Counts:
    """Count the required checks by outcome."""
    required = [check for check in document.checks if check.required]
    passed = sum(check.outcome is Outcome.PASSED or document.recommended(check) for check in required)
    open_ = [check for check in required if check.outcome is Outcome.INCONCLUSIVE and not document.recommended(check)]
    inconclusive = len(open_)
    unjudged = sum(check.outcome is Outcome.ERROR and check.fault is Fault.SUITE for check in required)
    waived = sum(check.outcome is Outcome.WAIVED for check in required)
    missing = sum(check.outcome in (Outcome.NOT_RUN, Outcome.NOT_CLAIMED) for check in required)
    stale = sum(check.outcome is Outcome.STALE_WAIVER for check in required)
    failed = len(required) - passed - inconclusive - unjudged - waived - missing - stale
    return Counts(len(required), passed, failed, inconclusive, unjudged, waived, missing, stale)


def decisive(check: Check) -> Measurement | None:
    """Return the decided measurement that departs most from the references; None if none was decided."""
    decided = [one for one in check.measurements if one.departure is not None]
    return max(decided, key=lambda one: one.departure or 0.0, default=None)


def departure(check: Check) -> float | None:
    """Return the largest departure of a check, in margins; None if nothing was decided against references."""
    found = decisive(check)
    return None if found is None else found.departure


def worst_first(checks: Iterable[Check]) -> list[Check]:
    """Sort checks: what broke or has no distance first, then the largest departure first."""

    def key(check: Check) -> tuple[bool, float]:
        found = departure(check)
        return found is not None, -(found or 0.0)

    return sorted(checks, key=key)


def reason(message: str) -> str:
    """Return a message without the run or request on which it came up: ``run 0 on toy/unit: raised: E`` gives ``E``."""
    for status in ("raised", "killed", "timeout", "over_budget", "escaped", "unusable"):
        for marker in (f"{status}: ", f" {status}: "):
            head, found, tail = message.partition(marker)
            if found and len(head) < 200:
                return tail
    head, found, tail = message.partition(": ")
    return tail if found and head.startswith(("on ", "run ")) else message


def by_reason(checks: Iterable[Check]) -> list[tuple[str, list[Check]]]:
    """Group checks that could not be judged by why, the largest group first; the numbers in a reason do not matter."""
    groups: dict[str, tuple[str, list[Check]]] = {}
    for check in checks:
        why = reason(check.message)
        key = without_numbers(why.replace(check.scenario, "").replace(check.id, ""))
        groups.setdefault(key, (why, []))[1].append(check)
    return sorted(groups.values(), key=lambda group: -len(group[1]))


def without_numbers(text: str) -> str:
    """Return a text with ``#`` for each number, for comparing messages."""
    return re.sub(r"\d+(\.\d+)?", "#", text)


def by_check(checks: Iterable[Check]) -> list[list[Check]]:
    """Group checks by id, each group and the groups worst first."""
    groups: dict[str, list[Check]] = {}
    for check in worst_first(checks):
        groups.setdefault(check.id, []).append(check)
    return list(groups.values())


def judged(scorecard: Document) -> list[Check]:
    """Return the required entries that have an outcome: all of them in a whole run."""
    return [check for check in scorecard.checks if check.required and check.outcome is not Outcome.NOT_RUN]


def headline(scorecard: Document) -> str:
    """Return one sentence: how many checks, on which tasks, for which guarantee; and whether the run is partial."""
    verdict, suite = scorecard.verdict, scorecard.suite
    tasks = ", ".join(verdict.scope) or "no task"
    data = ", published data" if suite.get("data") == "hub" else ""
    strict = ", strict" if suite.get("strict") else ""
    line = (
        f"{verdict.passed} of {verdict.required} required checks passed on {tasks}; "
        f"guarantee {verdict.guarantee}, supports {verdict.supports or 'none'}, "
        f"profile {suite.get('profile')}{data}{strict}."
    )
    if not scorecard.complete:
        line = f"Partial run, {len(judged(scorecard))} of {verdict.required} required checks judged. {line}"
    return line


def level_notes(scorecard: Document) -> list[str]:
    """Return a line for each recommendation: a failure at level SHOULD, which decides nothing."""
    return [f"{found['id']} on {found['scenario']}: {found['message']}" for found in scorecard.verdict.recommendations]


def task_rows(scorecard: Document) -> list[dict[str, str]]:
    """Return ``passed/required`` of each family for each scenario (``-`` where none is required), and its power.

    ``power`` is how many reference standard deviations the original lies from the references on the sharpest
    forgetting measure (``-`` where it was not needed). A partial run has rows for what it judged.
    """
    power = {
        found["scenario"]: "-" if found["separation"] is None else f"{found['separation']:.1f}"
        for found in scorecard.suite.get("power") or []
    }
    required = judged(scorecard)
    shown = scorecard.checks if scorecard.complete else required
    cells: dict[tuple[str, str], list[Check]] = {}
    for check in required:
        cells.setdefault((check.scenario, check.family), []).append(check)
    rows = []
    for scenario in dict.fromkeys(check.scenario for check in shown):
        row = {"scenario": scenario, "power": power.get(scenario, "-")}
        for family in FAMILIES:
            found = cells.get((scenario, family), [])
            good = sum(check.outcome is Outcome.PASSED or scorecard.recommended(check) for check in found)
            row[family] = f"{good}/{len(found)}" if found else "-"
        rows.append(row)
    return rows
