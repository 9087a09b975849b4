"""Write verdicts on fresh models, and the kill matrix, into docs/validity.md.

    python benchmarks/verdicts.py --controls --method mu_conformance.methods:Retrain --seeds 5
    python benchmarks/kill_matrix.py --output docs/validity.md

The input is the judgements made by ``verdicts.py``. The kill matrix shows which checks fail on which control.
Judgements at several commits may stand together; the page names the commits.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pages import replace, table
from verdicts import RESULTS, Record, control_of, read, right

from mu_conformance.checks import catalogue
from mu_conformance.error_rates.rates import clopper_pearson
from mu_conformance.scorecard.summary import FAMILIES

FRESH, FRESH_END = "<!-- fresh -->", "<!-- end of fresh -->"
BEGIN, END = "<!-- kill matrix -->", "<!-- end of kill matrix -->"


def rate(judged: Iterable[bool]) -> list[str]:
    """Return the numbers of all and of right judgements, and the rate of wrong ones with its interval."""
    found = list(judged)
    wrong = found.count(False)
    low, high = clopper_pearson(wrong, len(found))
    return [str(len(found)), str(len(found) - wrong), f"{wrong / len(found):.3f} [{low:.3f}, {high:.3f}]"]


def commits(records: Iterable[Record]) -> str:
    """Return the commits of judgements, the most frequent first, with the number of each."""
    return ", ".join(f"{commit} {count}" for commit, count in Counter(one["commit"] for one in records).most_common())


def fresh(records: Iterable[Record]) -> str:
    """Return a table of verdicts by task.

    There is a row for each method that must be conformant, on each task and on all together, and for controls on each
    task. Judgements by one check alone have rows of their own.
    """
    groups: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        if right(record) is None:
            continue
        if "alone" in record:
            what = f"{record['method'].rpartition(':')[2]}, by {record['alone']} alone"
            groups.setdefault((what, "all together"), []).append(record)
        elif record["named"] is None:
            what = f"{record['method'].rpartition(':')[2]} is conformant"
            groups.setdefault((what, "all together"), []).append(record)
        else:
            what = "a control is nonconformant, its named check among the failures"
        groups.setdefault((what, record["task"]), []).append(record)
    rows = [
        [what, task, *rate(bool(right(record)) for record in own), commits(own)]
        for (what, task), own in sorted(groups.items())
    ]
    heading = ["what", "task", "judgements", "as it should be", "rate of wrong verdicts, 95 % Clopper-Pearson", "at"]
    return "\n".join(table(heading, rows))


def row(name: str, caught_by: str | None, records: list[Record]) -> list[str]:
    """Return a method's row of the kill matrix.

    The named check comes first, with the number of judgements in which it failed. The failures follow, family by
    family.
    """
    failed = Counter(check for one in records for check, found in one["not_passed"].items() if "failed" in found)
    if caught_by is None:
        caught = ["-", "-"]
    else:
        asked = [one["named"] for one in records if one["named"]]
        caught = [
            caught_by,
            f"**{sum('failed' in found for found in asked)}** of {len(asked)}" if asked else "not asked",
        ]
    cells = []
    for family in FAMILIES:
        inside = f"{family}."
        parts = [
            f"**{check.removeprefix(inside)} {count}**"
            if check == caught_by
            else f"{check.removeprefix(inside)} {count}"
            for check, count in sorted(failed.items())
            if check.startswith(inside)
        ]
        unknown = sum(
            any(check.startswith(inside) and "error" in found for check, found in one["not_passed"].items())
            for one in records
        )
        if unknown:
            parts.append(f"(errors {unknown})")
        cells.append(", ".join(parts))
    return [name, *caught, *cells]


def matrix(records: Iterable[Record]) -> str:
    """Return a table for each task with judgements of controls: the controls, and the methods judged beside them."""
    by_task: dict[str, dict[str, list[Record]]] = {}
    for record in records:
        if "alone" in record:
            continue
        by_task.setdefault(record["task"], {}).setdefault(record["method"], []).append(record)
    lines, named = [], set()
    failing: dict[str, set[str]] = {}
    """Controls that failed each check."""
    for task, by_method in sorted(by_task.items()):
        controls: Mapping[str, Any] = {method: control_of(method) for method in by_method}
        if not any(controls.values()):
            continue
        counts = {len(own) for method, own in by_method.items() if controls[method]}
        counted = f"{min(counts)} to {max(counts)}" if len(counts) > 1 else f"{min(counts)}"
        lines += [f"`{task}`, {counted} judgements of each control.", ""]
        rows = []
        for method, own in sorted(by_method.items(), key=lambda item: (controls[item[0]] is not None, item[0])):
            caught_by = controls[method].caught_by if controls[method] else None
            named.add(caught_by)
            if caught_by is not None:
                for one in own:
                    for check, found in one["not_passed"].items():
                        if "failed" in found:
                            failing.setdefault(check, set()).add(method)
            rows.append(row(method.rpartition(":")[2], caught_by, own))
        lines += table(["method", "named check", "failed it", *FAMILIES], rows)
    unnamed = [f"{check} ({len(failing.get(check, ()))})" for check in sorted(set(catalogue()) - named)]
    listed = ", ".join(unnamed) or "none"
    return "\n".join(
        [*lines, f"Checks that no control names, and by how many controls above they were failed: {listed}.", ""]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=RESULTS, help="what verdicts.py wrote; default %(default)s")
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    records = list(read(arguments.results).values())
    if not records:
        raise SystemExit(f"no judgements in {arguments.results}; run verdicts.py")
    replace(arguments.output, FRESH, FRESH_END, fresh(records))
    replace(arguments.output, BEGIN, END, matrix(records))


if __name__ == "__main__":
    main()
