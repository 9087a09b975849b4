"""Write verdicts on fresh models, and which controls were found, into docs/validity.md.

    python benchmarks/verdicts.py --method mu_conformance.methods:Retrain --seeds 5
    python benchmarks/controls.py --seeds 5
    python benchmarks/kill_matrix.py --output docs/validity.md

The input is the judgements made by ``verdicts.py`` and ``controls.py``. Judgements at several commits may stand
together; the page names the commits.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from pages import replace, table
from verdicts import RESULTS, Record, control_of, read, right

from mu_conformance.checks import catalogue
from mu_conformance.error_rates.rates import clopper_pearson

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
        if "alone" in record and control_of(record["method"]) is not None:
            what = "a control fails the check that it names"
        elif "alone" in record:
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


def matrix(records: Iterable[Record]) -> str:
    """Return a table of the controls judged by the check that they name: how often it failed, on each task.

    A control that broke instead is told from one that was found.
    """
    by_control: dict[tuple[str, str], dict[str, list[Record]]] = {}
    for one in records:
        control = control_of(one["method"])
        if control is not None and one.get("alone") == control.caught_by:
            name = one["method"].rpartition(":")[2]
            by_control.setdefault((name, control.caught_by), {}).setdefault(one["task"], []).append(one)
    tasks = sorted({task for own in by_control.values() for task in own})
    rows = [
        [name, caught_by, *(_found(own.get(task, [])) for task in tasks)]
        for (name, caught_by), own in sorted(by_control.items())
    ]
    named = {caught_by for _, caught_by in by_control}
    unnamed = ", ".join(sorted(set(catalogue()) - named)) or "none"
    heading = table(["control", "named check", *tasks], rows)
    return "\n".join([*heading, f"Checks that no control above names: {unnamed}.", ""])


def _found(records: list[Record]) -> str:
    """Return ``5 of 5``, with what broke beside it; empty where the task does not have the check."""
    asked = [one for one in records if one["outcomes"]]
    if not asked:
        return ""
    failed = sum("failed" in one["outcomes"] for one in asked)
    broken = sum("failed" not in one["outcomes"] and "broken" in one["outcomes"] for one in asked)
    return f"{failed} of {len(asked)}" + (f", {broken} broke" if broken else "")


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
