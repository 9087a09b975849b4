"""The terminal's last lines."""

from __future__ import annotations

from mu_conformance.decision.outcome import Outcome
from mu_conformance.scorecard.document import Document
from mu_conformance.scorecard.summary import FAMILIES, headline, level_notes, task_rows

__all__ = ["terminal_lines"]

_MOST = 12
"""Failures that are listed one by one."""


def terminal_lines(scorecard: Document) -> list[str]:
    """Return the terminal summary."""
    rows = task_rows(scorecard)
    width = max([len(row["scenario"]) for row in rows], default=8)
    columns = (*FAMILIES, "power")
    lines = ["scenario".ljust(width) + "".join(column.rjust(12) for column in columns)]
    lines += [row["scenario"].ljust(width) + "".join(row[column].rjust(12) for column in columns) for row in rows]
    bad = [check for check in scorecard.failures() if scorecard.complete or check.outcome is not Outcome.NOT_RUN]
    for check in bad[:_MOST]:
        whose = " (the suite's fault)" if check.fault == "suite" else ""
        lines.append(f"  {check.outcome}: {check.id} on {check.scenario}{whose}")
    if len(bad) > _MOST:
        lines.append(f"  ... and {len(bad) - _MOST} more")
    lines += [f"  recommendation: {note}" for note in level_notes(scorecard)]
    lines.append(headline(scorecard))
    if scorecard.verdict.distance:
        distances = [f"{family} {found.worst:.1f}" for family, found in scorecard.verdict.distance.items()]
        lines.append(f"distance from retraining, worst (1: the margin): {', '.join(distances)}")
    lines.append(f"{scorecard.method['ref']}: {scorecard.verdict.status.replace('_', ' ').upper()}")
    return lines
