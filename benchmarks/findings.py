"""Examine MU-Bench's findings, as far as scorecards bear on them, for docs/methods.md.

    python benchmarks/findings.py --plain DIR --condition lora-8=DIR --condition superloss=DIR --output docs/methods.md

Each DIR is the report folder of a run of several methods. ``plain`` covers all tasks without a condition; each of the
others covers some tasks under one condition.

A method's distance from exact retraining on a task is a mean over checks: those of forgetting, privacy and robustness,
or those of utility. Each check gives the distance to the references' mean in margins, bounded by ``MOST``. The edge of
a pass is 1. Only approximate methods count, and not the convex task. Intervals are bootstrap intervals at ``LEVEL``
over methods: they apply to other methods on these tasks, not to other tasks.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from methods_table import approximate, distance, name_of
from pages import replace, table

from mu_conformance.scorecard import document

MOST = 5.0
"""Bound on a check's distance, in margins."""
LEVEL, DRAWS = 0.95, 10_000
"""Level of the bootstrap intervals, and resamples."""
BEGIN, END = "<!-- findings -->", "<!-- end of findings -->"
HARD = {"speech": "keyword_spotting", "video": "action_recognition"}
"""Tasks that MU-Bench finds hard, by modality."""
RETRAINING_LIKE = ("FineTune", "L1Sparse", "CFk", "EUk")
"""Methods that train on the retain set alone: retraining cut short."""
ASPECTS = {"forgetting": ("forgetting.", "privacy.", "robustness."), "utility": ("utility.",)}
"""Prefixes of the checks of each aspect."""

Distances = dict[tuple[str, str], dict[str, float]]
"""Distances by aspect, for each method and task."""


def distances(cards: Iterable[Mapping[str, Any]]) -> Distances:
    """Return each approximate method's mean distance on each task, by aspect."""
    found: Distances = {}
    for card in filter(approximate, cards):
        for task in {entry["task"] for entry in card["checks"]} - {"tabular"}:
            by_aspect = {}
            for aspect, prefixes in ASPECTS.items():
                measured = [
                    min(MOST, away)
                    for entry in card["checks"]
                    if entry["task"] == task
                    and entry["id"].startswith(prefixes)
                    and (away := distance(entry)) is not None
                ]
                if measured:
                    by_aspect[aspect] = float(np.mean(measured))
            if by_aspect.keys() == ASPECTS.keys():
                found[name_of(card), task] = by_aspect
    return found


def interval(by_method: Mapping[str, float]) -> str:
    """Return mean and bootstrap interval over methods, and the number of methods, as text."""
    values = np.array(list(by_method.values()))
    drawn = np.random.default_rng(0).choice(values, (DRAWS, len(values))).mean(axis=1)
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return f"{values.mean():+.2f} [{low:+.2f}, {high:+.2f}], n = {len(values)}"


def of_methods(pairs: Iterable[tuple[str, float]]) -> dict[str, float]:
    """Return the mean of each method's numbers."""
    grouped: dict[str, list[float]] = {}
    for method, value in pairs:
        grouped.setdefault(method, []).append(value)
    return {method: math.fsum(values) / len(values) for method, values in grouped.items()}


def against_the_rest(plain: Distances, aspect: str, tasks: set[str]) -> dict[str, float]:
    """Return for each method its mean distance on ``tasks`` less that on the other tasks on which it is defined."""
    inside = of_methods((method, found[aspect]) for (method, task), found in plain.items() if task in tasks)
    outside = of_methods((method, found[aspect]) for (method, task), found in plain.items() if task not in tasks)
    return {method: inside[method] - outside[method] for method in inside if method in outside}


def under(plain: Distances, condition: Distances, aspect: str) -> dict[str, float]:
    """Return for each method the mean over tasks of its distance under a condition less that without."""
    shared = condition.keys() & plain.keys()
    return of_methods(
        (method, condition[method, task][aspect] - plain[method, task][aspect]) for method, task in sorted(shared)
    )


def page(plain: Distances, conditions: Mapping[str, Distances], power: Mapping[str, float]) -> str:
    """Return the tables of the page.

    Args:
        plain: distances without a condition.
        conditions: distances under each condition.
        power: smallest effect size of a scenario, by condition.
    """
    aspects = list(ASPECTS)
    tasks = sorted({task for _, task in plain})
    lines = ["Mean distance to the references of approximate methods, in margins (1: the edge of what passes).", ""]
    rows = [
        [task, *(interval(of_methods((m, found[a]) for (m, t), found in plain.items() if t == task)) for a in aspects)]
        for task in tasks
    ]
    lines += table(["task", *aspects], rows)
    lines += ["Differences of that distance (above 0: further from retraining).", ""]
    rows = [
        [f"{name} ({task}) against the other tasks", *(interval(against_the_rest(plain, a, {task})) for a in aspects)]
        for name, task in HARD.items()
    ]
    like = {key: found for key, found in plain.items() if key[0] in RETRAINING_LIKE}
    rest = {key: found for key, found in plain.items() if key[0] not in RETRAINING_LIKE}
    cells = []
    for aspect in aspects:
        one, other = (of_methods((m, found[aspect]) for (m, _), found in group.items()) for group in (like, rest))
        cells.append(unpaired(one, other))
    rows.append([f"{', '.join(RETRAINING_LIKE)} against the other methods, at most half of retraining's FLOPs", *cells])
    rows += [
        [
            f"under {name}, against without ({', '.join(sorted({t for _, t in found}))})",
            *(interval(under(plain, found, a)) for a in aspects),
        ]
        for name, found in conditions.items()
    ]
    lines += table(["", *aspects], rows)
    lines += [
        "Smallest separation of a scenario, in reference deviations: "
        f"{', '.join(f'{n} {v:.1f}' for n, v in power.items())}.",
        "",
    ]
    return "\n".join(lines)


def unpaired(one: Mapping[str, float], other: Mapping[str, float]) -> str:
    """Return the difference of two groups of methods and its bootstrap interval, each group resampled, as text."""
    generator = np.random.default_rng(0)
    first, second = (np.array(list(group.values())) for group in (one, other))
    drawn = generator.choice(first, (DRAWS, len(first))).mean(axis=1) - generator.choice(
        second, (DRAWS, len(second))
    ).mean(axis=1)
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return f"{first.mean() - second.mean():+.2f} [{low:+.2f}, {high:+.2f}], n = {len(first)} and {len(second)}"


def read(folder: Path) -> list[dict[str, Any]]:
    """Return the scorecards of a report folder."""
    paths = sorted(folder.glob("*/scorecard.json")) or sorted(folder.glob("scorecard.json"))
    return [document.read_json(path) for path in paths]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plain", type=Path, required=True)
    parser.add_argument("--condition", action="append", default=[], metavar="NAME=DIR")
    parser.add_argument(
        "--output", type=Path, help=f"what lies between {BEGIN} and {END} is written anew; without it, to the terminal"
    )
    arguments = parser.parse_args()
    cards = {"plain": read(arguments.plain)}
    for text in arguments.condition:
        name, _, folder = text.partition("=")
        cards[name] = read(Path(folder))
    found = {name: distances(own) for name, own in cards.items()}
    power = {
        name: min(
            one["separation"] for card in own for one in card["suite"]["power"] if "tabular" not in one["scenario"]
        )
        for name, own in cards.items()
    }
    text = page(found.pop("plain"), found, power)
    if arguments.output:
        replace(arguments.output, BEGIN, END, text)
    else:
        print(text)


if __name__ == "__main__":
    main()
