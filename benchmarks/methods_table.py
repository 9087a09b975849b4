"""Write docs/methods.md: each method on each task, from the scorecards of a smoke run, and the FLOPs of a call.

    pytest -n 2 --method mu_conformance.methods:FineTune --method mu_conformance.methods:SCRUB ... --mu-report DIR
    python benchmarks/methods_table.py --scorecards DIR --cache DIR --output docs/methods.md

``--commands`` prints the first line with all methods. FLOPs are counted on one call for each kind of forget set.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from pages import replace, table
from search import NO_LIMIT, flops_share

from mu_conformance import methods
from mu_conformance.conditions.conditions import Conditions
from mu_conformance.judging.session import JudgingSession
from mu_conformance.judging.settings import Settings
from mu_conformance.protocol.claims import Claims
from mu_conformance.scorecard import document
from mu_conformance.scorecard.renders.methods import RETRAINING, TIMES
from mu_conformance.scorecard.summary import FAMILIES
from mu_conformance.tasks import registry

BEGIN, END = "<!-- measured -->", "<!-- end -->"


def name_of(card: Mapping[str, Any]) -> str:
    """Return the name of a scorecard's method."""
    return card["method"]["ref"].rpartition(":")[2]


def flops(name: str, task: str, cache: Path) -> float | None:
    """Return the FLOPs of a call as a share of retraining's, the mean over kinds of forget set.

    None stands for a failed call.
    """
    judge = JudgingSession(
        f"mu_conformance.methods:{name}",
        Settings(tasks=(task,), cache=cache, in_process=True, conditions=Conditions(budget=NO_LIMIT)),
    )
    try:
        return flops_share(judge, task)
    finally:
        judge.close()


def cell(entries: list[Mapping[str, Any]]) -> str:
    """Return checks passed of checks required, in bold if all passed; a dash if nothing is claimed."""
    required = [entry for entry in entries if entry["required"] and entry["id"] != "contract.claims"]
    if not required:
        return "-"
    passed = sum(entry["outcome"] == "passed" for entry in required)
    text = f"{passed}/{len(required)}"
    return f"**{text}**" if passed == len(required) else text


def distance(entry: Mapping[str, Any]) -> float | None:
    """Return the distance of the runs' mean from the references', in margins; None if not measured.

    The edge of a pass is 1.
    """
    found = [
        abs(one["value"] - one["references"]["mean"]) / one["margin"]
        for one in entry["measurements"]
        if one.get("margin") and one.get("references")
    ]
    return max(found, default=None)


def worst(entries: Iterable[Mapping[str, Any]]) -> tuple[float, str]:
    """Return the largest distance of a check that did not pass, and where it occurred."""
    found = [(0.0, "-")]
    for entry in entries:
        away = distance(entry)
        if entry["outcome"] != "passed" and away is not None:
            found.append((away, f"{entry['id']} on {entry['scenario']}"))
    return max(found)


def approximate(card: Mapping[str, Any]) -> bool:
    """Return True for a method that is neither exact retraining nor proved to come near it."""
    return name_of(card) not in ("Retrain", "SISA", "CertifiedRemoval")


def by_check(cards: list[dict[str, Any]]) -> list[list[str]]:
    """Return a row for each check against references.

    The row has the number of scenarios that approximate methods pass, and the nearest distance among them. The convex
    task is left out, because it has one optimum, which methods that continue training reach.
    """
    rows = []
    judged = [(card, entry) for card in cards for entry in card["checks"] if entry["task"] != "tabular"]
    for check in sorted({entry["id"] for _, entry in judged if distance(entry) is not None}):
        own = [(card, entry) for card, entry in judged if entry["id"] == check and distance(entry) is not None]
        tried = [(card, entry) for card, entry in own if approximate(card)]
        exact = [distance(entry) for card, entry in own if name_of(card) == "Retrain"]
        passed = [name_of(card) for card, entry in tried if entry["outcome"] == "passed"]
        near = min(((distance(entry), name_of(card), entry["scenario"]) for card, entry in tried), default=None)
        rows.append(
            [
                check,
                f"{len(passed)} of {len(tried)}",
                f"{len(set(passed))}",
                f"{near[0]:.2f}: {near[1]} on {near[2]}" if near else "-",
                f"{max(exact):.2f}" if exact else "-",
            ]
        )
    return rows


def seconds(entries: Iterable[Mapping[str, Any]]) -> str:
    """Return the processor seconds of calls as a share of retraining's, as text; a dash if not measured."""
    spent = retraining = 0.0
    for entry in entries:
        measured = {one["name"]: one["value"] for one in entry["measurements"]}
        if measured.keys() >= {TIMES, RETRAINING}:
            spent += measured[TIMES] * measured[RETRAINING]
            retraining += measured[RETRAINING]
    return f"{spent / retraining:.2f}" if retraining else "-"


def measured(cards: list[dict[str, Any]], shares: Mapping[str, Mapping[str, float | None]]) -> str:
    """Return the tables of the page.

    Args:
        cards: one scorecard for each method.
        shares: FLOPs as a share of retraining's, by method and task.
    """
    tasks = sorted({entry["task"] for card in cards for entry in card["checks"]})
    by_task = {name_of(card): {t: [e for e in card["checks"] if e["task"] == t] for t in tasks} for card in cards}
    lines = ["Checks passed of checks required; bold: conformant on that task; -: not defined there.", ""]
    lines += table(
        ["method", *tasks], [[name, *(cell(entries[task]) for task in tasks)] for name, entries in by_task.items()]
    )
    lines += ["Cost of a call as a share of retraining's: FLOPs / processor seconds.", ""]
    rows = []
    for name, entries in by_task.items():
        row = [name]
        for task in tasks:
            share = shares.get(name, {}).get(task)
            undefined = cell(entries[task]) == "-"
            row.append("-" if undefined else f"{'?' if share is None else f'{share:.2f}'} / {seconds(entries[task])}")
        rows.append(row)
    lines += table(["method", *tasks], rows)
    lines += ["What is not passed, by family, and the largest distance from the references' mean (1: the margin).", ""]
    rows = []
    for name, entries in by_task.items():
        every = [entry for task in tasks for entry in entries[task] if entry["required"]]
        counts = []
        for family in FAMILIES:
            own = [entry for entry in every if entry["id"].startswith(f"{family}.")]
            counts.append(f"{sum(entry['outcome'] != 'passed' for entry in own)} of {len(own)}" if own else "-")
        away, where = worst(every)
        rows.append([name, *counts, f"{away:.1f}: {where}" if away else "-"])
    lines += table(["method", *FAMILIES, "largest distance"], rows)
    lines += ["What approximate methods pass, check by check (the convex task left out).", ""]
    heading = ["check", "passed", "by methods", "nearest to the references", "largest distance of Retrain"]
    lines += table(heading, by_check(cards))
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--commands", action="store_true", help="print the line that judges all methods")
    parser.add_argument("--scorecards", type=Path, help="the report folder of that run")
    parser.add_argument("--cache", type=Path, help="where artefacts are kept")
    parser.add_argument("--output", type=Path, help=f"a page; what lies between {BEGIN} and {END} is written anew")
    arguments = parser.parse_args()
    if arguments.commands:
        print("pytest -n 2 " + " ".join(f"--method mu_conformance.methods:{name}" for name in dir(methods)))
        return
    if None in (arguments.scorecards, arguments.cache, arguments.output):
        parser.error("--scorecards, --cache and --output are needed")
    torch.set_num_threads(1)
    cards = [document.read_json(path) for path in sorted(arguments.scorecards.glob("*/scorecard.json"))]
    cards.sort(key=name_of)
    shares: dict[str, dict[str, float | None]] = {}
    kept = arguments.scorecards / "flops.json"
    if kept.exists():
        shares = json.loads(kept.read_text(encoding="utf-8"))
    for card in cards:
        name = name_of(card)
        claims = Claims.from_json(card["method"]["claims"])
        for task in sorted({entry["task"] for entry in card["checks"]}):
            found = registry.find_task(task)
            if task not in shares.setdefault(name, {}) and claims.covers(task, found.modality, found.features):
                shares[name][task] = flops(name, task, arguments.cache)
                kept.write_text(json.dumps(shares), encoding="utf-8")
                print(name, task, shares[name][task], flush=True)
    replace(arguments.output, BEGIN, END, measured(cards, shares))


if __name__ == "__main__":
    main()
