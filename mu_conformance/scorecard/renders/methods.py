"""Several methods side by side: what a run with more than one ``--method`` ends with, as text, Markdown, CSV, LaTeX."""

from __future__ import annotations

import csv
import io
import math
import statistics
from collections.abc import Sequence

from mu_conformance.decision.outcome import Outcome
from mu_conformance.scorecard import mu_bench
from mu_conformance.scorecard.document import Document
from mu_conformance.scorecard.renders.markdown import cell, table
from mu_conformance.scorecard.summary import FAMILIES, departure, judged
from mu_conformance.scorecard.wording import clean, number

__all__ = [
    "FORMATS",
    "as_csv",
    "as_latex",
    "differences",
    "method_rows",
    "mu_bench_rows",
    "render",
    "task_distances",
    "terminal_lines",
]

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
        "method": clean(str(card.method["ref"])),
        "verdict": card.verdict.status.replace("_", " "),
        "passed": f"{card.verdict.passed}/{card.verdict.required}",
    }
    for family in FAMILIES:
        found = [
            check.outcome is Outcome.PASSED or card.recommended(check) for check in required if check.family == family
        ]
        row[family] = f"{sum(found)}/{len(found)}" if found else "-"
    share = cost_share(card)
    row["x retraining"] = "-" if share is None else f"{share:.2f}"
    return row


def cost_share(card: Document) -> float | None:
    """Return the processor seconds of the calls over those of retraining, all scenarios together."""
    spent = retraining = 0.0
    for check in card.checks:
        measured = {one.key: one.value for one in check.measurements}
        if measured.keys() >= {"times_retraining", "retraining_cpu_s"}:
            spent += measured["times_retraining"] * measured["retraining_cpu_s"]
            retraining += measured["retraining_cpu_s"]
    return spent / retraining if retraining > 0 else None


def task_distances(scorecards: Sequence[Document]) -> dict[str, list[dict[str, float | None]]]:
    """Return, by task and for each scorecard, the worst departure of each family on it; None where none was decided."""
    tasks = dict.fromkeys(task for card in scorecards for task in card.verdict.scope)
    found: dict[str, list[dict[str, float | None]]] = {}
    for task in tasks:
        found[task] = []
        for card in scorecards:
            row: dict[str, float | None] = {}
            for family in FAMILIES:
                distances = [
                    distance
                    for check in judged(card)
                    if check.task == task and check.family == family and (distance := departure(check)) is not None
                ]
                row[family] = max(distances, default=None)
            found[task].append(row)
    return found


def mu_bench_rows(scorecards: Sequence[Document]) -> list[dict[str, float | None]]:
    """Return, for each scorecard, the mean over its scenarios of each of MU-Bench's numbers, by key."""
    rows = []
    for card in scorecards:
        found = mu_bench.figures(card).values()
        row: dict[str, float | None] = {}
        for figure in mu_bench.FIGURES:
            values = [
                measured[figure.key].value
                for measured in found
                if figure.key in measured and math.isfinite(measured[figure.key].value)
            ]
            row[figure.key] = statistics.fmean(values) if values else None
        rows.append(row)
    return rows


def differences(scorecards: Sequence[Document]) -> list[str]:
    """Return in what the runs differ so that their numbers cannot be compared, a sentence each; empty if in nothing."""
    lines = []
    for key, what in (
        ("version", "versions of the suite"),
        ("profile", "profiles"),
        ("data", "data"),
        ("seed", "seeds"),
        ("manifest_sha256", "manifests: they answer different questions"),
    ):
        found = dict.fromkeys(str(card.suite.get(key)) for card in scorecards)
        if len(found) > 1:
            values = "" if key == "manifest_sha256" else f": {', '.join(found)}"
            lines.append(f"The runs have different {what}{values}.")
    if len({tuple(sorted(mu_bench.figures(card))) for card in scorecards}) > 1:
        lines.append("The methods were judged on different scenarios, and means are over those of each.")
    if any(not card.complete for card in scorecards):
        lines.append("Some runs were not whole.")
    return lines


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


def _table(scorecards: Sequence[Document]) -> tuple[list[str], list[list[str]]]:
    """Return headings and rows of everything: verdict, distances by task, MU-Bench's numbers, cost."""
    by_task = task_distances(scorecards)
    columns = [
        (task, family)
        for task, rows in by_task.items()
        for family in FAMILIES
        if any(row[family] is not None for row in rows)
    ]
    headings = ["method", "verdict", "passed", "required", "supports"]
    headings += [f"{task} {family}" for task, family in columns]
    headings += [figure.short for figure in mu_bench.FIGURES] + ["x retraining"]
    rows = []
    for place, (card, numbers) in enumerate(zip(scorecards, mu_bench_rows(scorecards), strict=True)):
        verdict, share = card.verdict, cost_share(card)
        row = [clean(str(card.method["ref"])), verdict.status, str(verdict.passed), str(verdict.required)]
        row.append(verdict.supports or "")
        row += [_plain(by_task[task][place][family]) for task, family in columns]
        row += [_plain(numbers[figure.key]) for figure in mu_bench.FIGURES]
        rows.append([*row, _plain(share)])
    return headings, rows


def _plain(value: float | None) -> str:
    return "" if value is None or not math.isfinite(value) else f"{value:.4g}"


def as_csv(scorecards: Sequence[Document]) -> str:
    """Return everything as CSV with a heading; empty cells where nothing was measured."""
    headings, rows = _table(scorecards)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(headings)
    # A cell that begins like a formula would be run by a spreadsheet.
    writer.writerows([[f"'{cell}" if _formula(cell) else cell for cell in row] for row in rows])
    return text.getvalue()


def _tenths(value: float | None) -> str:
    return "--" if value is None or not math.isfinite(value) else f"{value:.1f}"


def _formula(text: str) -> bool:
    """Return whether a spreadsheet would take a text for a formula."""
    try:
        float(text)
    except ValueError:
        return text[:1] in ("=", "@", "+", "-", "\t", "\r")
    return False


def as_latex(scorecards: Sequence[Document]) -> str:
    """Return a table for a paper: verdict, worst distance by family, MU-Bench's scores and the cost."""
    families = [family for family in FAMILIES if any(family in card.verdict.distance for card in scorecards)]
    chosen = [figure for figure in mu_bench.FIGURES if figure.key in ("D_t", "D_f", "D_r", "membership")]
    headings = ["Method", "Verdict", *families, *(figure.short.replace("_", r"\_") for figure in chosen), "cost"]
    lines = [
        "% Distances from retraining in margins, the worst over all tasks; 1 is the edge. Cost: times retraining.",
        rf"\begin{{tabular}}{{ll{'r' * (len(headings) - 2)}}}",
        r"\hline",
        " & ".join(headings) + r" \\",
        r"\hline",
    ]
    for card, numbers in zip(scorecards, mu_bench_rows(scorecards), strict=True):
        found = card.verdict.distance
        cells = [_latex(str(card.method["ref"]).rpartition(":")[2]), card.verdict.status.replace("_", " ")]
        cells += [_tenths(found[family].worst if family in found else None) for family in families]
        for figure in chosen:
            value = numbers[figure.key]
            cells.append("--" if value is None else f"{value:.3f}")
        share = cost_share(card)
        cells.append("--" if share is None else f"{share:.2f}")
        lines.append(" & ".join(cells) + r" \\")
    return "\n".join([*lines, r"\hline", r"\end{tabular}", ""])


def _latex(text: str) -> str:
    special = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    special |= {char: f"\\{char}" for char in "&%$#_{}"}
    return "".join(special.get(char, char) for char in clean(text))


def render(scorecards: Sequence[Document]) -> str:
    """The rows as Markdown, a pure function of the scorecards."""
    names = [cell(card.method["ref"]) for card in scorecards]
    lines = ["# mu-conformance: methods", "", *differences(scorecards), ""]
    lines += table(COLUMNS, ([cell(row[column]) for column in COLUMNS] for row in method_rows(scorecards)))
    lines += [
        "Each cell: checks passed of checks required. x retraining: processor seconds of a call, times retraining's."
    ]
    for task, rows in task_distances(scorecards).items():
        families = [family for family in FAMILIES if any(row[family] is not None for row in rows)]
        if families:
            lines += ["", f"## {cell(task)}: worst distance from retraining, in margins", ""]
            lines += table(
                ("method", *families),
                (
                    [name, *(_hundredths(row[family]) for family in families)]
                    for name, row in zip(names, rows, strict=True)
                ),
            )
    lines += ["", "## MU-Bench's numbers, means over the scenarios", ""]
    numbers = zip(names, mu_bench_rows(scorecards), strict=True)
    lines += table(
        ("method", *(figure.short for figure in mu_bench.FIGURES)),
        ([name, *(number(row[figure.key]) for figure in mu_bench.FIGURES)] for name, row in numbers),
    )
    return "\n".join(lines)


def _hundredths(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


FORMATS = {"markdown": render, "csv": as_csv, "latex": as_latex}
"""Formats of a comparison besides the page and the terminal."""
