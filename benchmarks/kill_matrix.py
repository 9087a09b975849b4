"""docs/validity.md: which checks fail on which control, judged on fresh seeds through the command line; resumable.

    python benchmarks/kill_matrix.py --task image_classification --task tabular --seeds 3 --output docs/validity.md

Judges as ``verdicts.py`` does, into the same work folder, so what one has judged the other takes; a stopped run goes on
from what it had. A control that shows only on a kind of forget set which the smoke profile leaves out is judged by the
standard profile on that kind. ``--made`` judges nothing and writes what there is. The rows are the controls, and methods that must not
fail (``METHODS``, or ``--method``).
"""

from __future__ import annotations

import argparse
import concurrent.futures
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from methods_table import table
from verdicts import FIRST_SEED, card_path, judge, named_outcomes, profile_for

from mu_conformance import registry
from mu_conformance.checks import catalogue
from mu_conformance.scorecard import document
from mu_conformance.scorecard.summary import FAMILIES

BEGIN, END = "<!-- kill matrix -->", "<!-- end of kill matrix -->"
METHODS = ("mu_conformance.methods:Retrain", "mu_conformance.methods:SISA")

Card = Mapping[str, Any]


def outcomes(card: Card) -> dict[str, set[str]]:
    """What became of each required check of a scorecard, on all scenarios together."""
    found: dict[str, set[str]] = {}
    for entry in card["checks"]:
        if entry["required"]:
            found.setdefault(entry["id"], set()).add(entry["outcome"])
    return found


def row(name: str, control: Any, cards: list[Card]) -> list[str]:
    """A method's row: its named check and in how many judgements that failed, then what failed, family by family."""
    judged = [outcomes(card) for card in cards]
    failed = Counter(id for one in judged for id, seen in one.items() if "failed" in seen)
    named = None if control is None else control.caught_by
    if named is None:
        caught = ["-", "-"]
    else:
        asked = [seen for card in cards if (seen := named_outcomes(control, card))]
        caught = [named, f"**{sum('failed' in seen for seen in asked)}** of {len(asked)}" if asked else "not asked"]
    cells = []
    for family in FAMILIES:
        inside = f"{family}."
        parts = [
            f"**{id.removeprefix(inside)} {count}**" if id == named else f"{id.removeprefix(inside)} {count}"
            for id, count in sorted(failed.items())
            if id.startswith(inside)
        ]
        unknown = [any(id.startswith(inside) and "error" in seen for id, seen in one.items()) for one in judged]
        if any(unknown):
            parts.append(f"(errors {sum(unknown)})")
        cells.append(", ".join(parts))
    return [name, *caught, *cells]


def matrix(by_task: Mapping[str, Mapping[str, list[Card]]], controls: Mapping[str, Any]) -> str:
    """A table for each task, from the scorecards of each method by its name; ``controls`` by theirs."""
    lines = []
    for task, by_method in by_task.items():
        counts = sorted({len(cards) for cards in by_method.values()})
        lines += [f"`{task}`, {' to '.join(map(str, counts))} judgements each.", ""]
        rows = [row(name, controls.get(name), cards) for name, cards in by_method.items()]
        lines += table(["method", "named check", "failed it", *FAMILIES], rows)
    unnamed = sorted(set(catalogue()) - {control.caught_by for control in controls.values()})
    return "\n".join([*lines, f"Checks that no control names: {', '.join(unnamed) or 'none'}.", ""])


def gather(methods: Iterable[str], tasks: Iterable[str], seeds: range, work: Path) -> dict[str, dict[str, list[Card]]]:
    """By task and method, the scorecards that are there."""
    found: dict[str, dict[str, list[Card]]] = {}
    for task in tasks:
        for method in methods:
            paths = [card_path(method, task, seed, work, profile_for(method, task)) for seed in seeds]
            cards = [document.read(path) for path in paths if path.exists()]
            if cards:
                found.setdefault(task, {})[method.rpartition(":")[2]] = cards
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", action="append", default=[])
    parser.add_argument("--method", action="append", default=[], help=f"besides the controls; default {METHODS}")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--work", type=Path, default=Path("mu-verdicts"))
    parser.add_argument("--made", action="store_true", help="judge nothing, write what there is")
    parser.add_argument(
        "--output", type=Path, required=True, help=f"what lies between {BEGIN} and {END} is written anew"
    )
    arguments = parser.parse_args()
    work, tasks = arguments.work.resolve(), arguments.task or ["image_classification"]
    work.mkdir(parents=True, exist_ok=True)
    controls = registry.members("mu_conformance.controls")
    methods = [*(arguments.method or METHODS), *(f"mu_conformance.controls:{name}" for name in controls)]
    seeds = range(FIRST_SEED, FIRST_SEED + arguments.seeds)
    if not arguments.made:
        # Seeds outside methods: the first judgement of a seed trains its models, the others share them.
        jobs = [(method, task, seed, work) for task in tasks for seed in seeds for method in methods]
        with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
            list(pool.map(lambda job: judge(*job), jobs))
    by_task = gather(methods, tasks, seeds, work)
    if not by_task:
        raise SystemExit(f"no scorecards of {', '.join(tasks)} in {work}")
    command = "python benchmarks/kill_matrix.py " + " ".join(sys.argv[1:])
    written = f"    {command}\n\n{matrix(by_task, controls)}"
    text = arguments.output.read_text(encoding="utf-8")
    if BEGIN not in text or END not in text:
        raise SystemExit(f"{arguments.output} has no place for it, between {BEGIN} and {END}")
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    arguments.output.write_text(f"{before}{BEGIN}\n\n{written}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
