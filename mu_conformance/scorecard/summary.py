"""What every render says: the headline, and a row for each scenario."""

from __future__ import annotations

from mu_conformance.decision.outcome import Outcome
from mu_conformance.scorecard.document import Check, Document

__all__ = ["FAMILIES", "headline", "judged", "level_notes", "task_rows"]

FAMILIES = ("contract", "forgetting", "privacy", "utility", "robustness", "cost")


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
        f"profile {suite['profile']}{data}{strict}."
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
    power = {found["scenario"]: f"{found['separation']:.1f}" for found in scorecard.suite.get("power", [])}
    required = judged(scorecard)
    shown = scorecard.checks if scorecard.complete else required
    rows = []
    for scenario in dict.fromkeys(check.scenario for check in shown):
        row = {"scenario": scenario, "power": power.get(scenario, "-")}
        for family in FAMILIES:
            found = [check for check in required if check.scenario == scenario and check.family == family]
            good = sum(check.outcome is Outcome.PASSED or scorecard.recommended(check) for check in found)
            row[family] = f"{good}/{len(found)}" if found else "-"
        rows.append(row)
    return rows
