"""Several methods side by side, a row for each: what a run with more than one ``--method`` ends with."""

from __future__ import annotations

from collections.abc import Sequence

from mu_conformance.decision.outcome import Outcome
from mu_conformance.scorecard.document import Document
from mu_conformance.scorecard.summary import FAMILIES

__all__ = ["method_rows", "render", "terminal_lines"]

COLUMNS = ("method", "verdict", "passed", *FAMILIES, "x retraining")


def method_rows(scorecards: Sequence[Document]) -> list[dict[str, str]]:
    """For each scorecard: verdict, ``passed/required`` in all and of each family of checks, and the cost of a call.

    The cost is the processor seconds of a call, summed over the scenarios, as a multiple of retraining's; ``-`` where
    nothing is required, or nothing was timed.
    """
    return [_row(card) for card in scorecards]


def _row(card: Document) -> dict[str, str]:
    required = [check for check in card.checks if check.required]
    row = {
        "method": str(card.method["ref"]),
        "verdict": card.verdict.status.replace("_", " "),
        "passed": f"{card.verdict.passed}/{card.verdict.required}",
    }
    for family in FAMILIES:
        found = [
            check.outcome is Outcome.PASSED or card.recommended(check) for check in required if check.family == family
        ]
        row[family] = f"{sum(found)}/{len(found)}" if found else "-"
    spent = retraining = 0.0
    for check in card.checks:
        measured = {one.key: one.value for one in check.measurements}
        if measured.keys() >= {"times_retraining", "retraining_cpu_s"}:
            spent += measured["times_retraining"] * measured["retraining_cpu_s"]
            retraining += measured["retraining_cpu_s"]
    row["x retraining"] = f"{spent / retraining:.2f}" if retraining > 0 else "-"
    return row


def terminal_lines(scorecards: Sequence[Document]) -> list[str]:
    """The rows in columns, a heading first."""
    table = [dict(zip(COLUMNS, COLUMNS, strict=True)), *method_rows(scorecards)]
    widths = {column: max(len(row[column]) for row in table) for column in COLUMNS}
    left = ("method", "verdict")
    return [
        "  ".join(
            row[column].ljust(widths[column]) if column in left else row[column].rjust(widths[column])
            for column in COLUMNS
        ).rstrip()
        for row in table
    ]


def render(scorecards: Sequence[Document]) -> str:
    """The rows as Markdown, a pure function of the scorecards."""
    lines = ["# mu-conformance: methods", "", f"| {' | '.join(COLUMNS)} |", f"|{' --- |' * len(COLUMNS)}"]
    lines += [f"| {' | '.join(row[column] for column in COLUMNS)} |" for row in method_rows(scorecards)]
    said = "Each cell: checks passed of checks required. x retraining: processor seconds of a call, times retraining's."
    return "\n".join([*lines, "", said, ""])
