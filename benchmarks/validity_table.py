"""docs/validity.md: false alarms and detection by task, from what ``mu-conformance validate`` wrote; and what scorecards carry.

    mu-conformance validate tabular image_classification sentiment --output rates.json
    python benchmarks/validity_table.py rates.json --output docs/validity.md

Several files may be given, of other tasks or profiles; a later one replaces what an earlier one says of the same.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pages import replace, table

from mu_conformance.profiles import PROFILES

BEGIN, END = "<!-- rates -->", "<!-- end of rates -->"
SHIPPED = Path(__file__).parents[1] / "mu_conformance" / "scorecard" / "validity.json"
MOST = 5
"""Shares of which each scenario is shown, the smallest."""


def percent(rate: Mapping[str, Any]) -> str:
    low, high = rate["interval"]
    return f"{100 * rate['estimate']:.1f} % [{100 * low:.1f}, {100 * high:.1f}]"


def sharpest(by_check: Mapping[str, float], scenario: str) -> str:
    """The check that did not pass most often on one scenario, and how often; ``-`` where all passed."""
    rates = {name.partition(" ")[2]: rate for name, rate in by_check.items() if name.partition(" ")[0] == scenario}
    if not rates:
        return "-"
    name = max(rates, key=lambda one: rates[one])
    return f"{100 * rates[name]:.0f} % {name.partition('.')[2]}"


def page(studies: Mapping[str, Any]) -> str:
    shares = sorted({one["kept"] for study in studies.values() for one in study["detection"]})
    rows, by_scenario = [], []
    for study in sorted(studies.values(), key=lambda one: (one["task"], list(PROFILES).index(one["profile"]))):
        alarms, detection = study["false_alarm_rate"], {one["kept"]: one for one in study["detection"]}
        found = [f"{100 * detection[share]['estimate']:.0f} %" if share in detection else "-" for share in shares]
        rows.append([study["task"], study["profile"], str(alarms["judgements"]), percent(alarms), *found])
        for scenario in study["scenarios"]:
            kept = [alarms, *(detection.get(share, {"not_passed_by_check": {}}) for share in shares[:MOST])]
            cells = [sharpest(one["not_passed_by_check"], scenario) for one in kept]
            by_scenario.append([scenario, study["profile"], *cells])
    kept_columns = [f"{share:g} kept" for share in shares]
    return "\n".join(
        [
            "A false alarm: exact retraining is not conformant. The other columns: how often a method that keeps that share of the",
            "forget rows, at random, is not conformant.",
            "",
            *table(["task", "profile", "judgements", "false alarms", *kept_columns], rows),
            "A verdict fails where any scenario shows it, so a task's sharpest scenario decides the row above. By scenario: the check",
            "that did not pass most often, and in how many judgements; the scenario alone would be found at least so often.",
            "",
            *table(["scenario", "profile", "retraining", *kept_columns[:MOST]], by_scenario),
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rates", nargs="+", type=Path)
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    studies: dict[str, Any] = {}
    for path in arguments.rates:
        studies |= json.loads(path.read_text(encoding="utf-8"))["studies"]
    replace(arguments.output, BEGIN, END, page(studies))
    tasks: dict[str, list[str]] = {}
    for study in studies.values():
        tasks.setdefault(study["profile"], []).append(study["task"])
    commands = [
        f"mu-conformance validate {' '.join(sorted(tasks[name]))} --profile {name}"
        for name in PROFILES
        if name in tasks
    ]
    shipped = {"command": "; ".join(commands), "studies": studies}
    SHIPPED.write_text(f"{json.dumps(shipped, indent=1, sort_keys=True)}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
