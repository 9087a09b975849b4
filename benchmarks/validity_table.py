"""Write type I error rates and detection by task into docs/validity.md, and the rates that scorecards carry.

    mu-conformance validate tabular image_classification sentiment --output rates.json
    python benchmarks/validity_table.py rates.json --output docs/validity.md    # needs the extra "benchmarks"

The input is the output of ``mu-conformance validate``. Several files may be passed, for other tasks or profiles. Where
two files cover the same task and profile, the later one counts.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pages import replace, table

from mu_conformance.scenarios.profiles import PROFILES
from mu_conformance.scorecard.known_error_rates import POWER, smallest

BEGIN, END = "<!-- rates -->", "<!-- end of rates -->"
SHIPPED = Path(__file__).parents[1] / "mu_conformance" / "scorecard" / "known_error_rates.json"
MOST = 5
"""Number of shares shown for each scenario, the smallest ones."""


def percent(rate: Mapping[str, Any]) -> str:
    """Return a rate and its interval in per cent, as text."""
    low, high = rate["interval"]
    return f"{100 * rate['estimate']:.1f} % [{100 * low:.1f}, {100 * high:.1f}]"


def shown(rate: Mapping[str, Any], scenario: str) -> str:
    """Return how often a scenario was not conformant, and the check that failed to pass there most often.

    A dash stands for a scenario on which all checks passed.
    """
    checks = {
        name.partition(" ")[2]: found
        for name, found in rate["not_passed_by_check"].items()
        if name.partition(" ")[0] == scenario
    }
    if not checks:
        return "-"
    name = max(checks, key=lambda one: checks[one])
    return f"{100 * rate['by_scenario'][scenario]:.0f} % {name.partition('.')[2]}"


def least(found: Mapping[float, float]) -> str:
    """Return the minimum detectable share, as text; a dash if there is none."""
    share = smallest(found)
    return "-" if share is None else f"{share:g}"


def page(studies: Mapping[str, Any]) -> str:
    """Return the tables of the page."""
    shares = sorted({one["kept"] for study in studies.values() for one in study["detection"]})
    rows, by_scenario = [], []
    for study in sorted(studies.values(), key=lambda one: (one["task"], list(PROFILES).index(one["profile"]))):
        alarms, by_share = study["false_alarm_rate"], {one["kept"]: one for one in study["detection"]}
        found = [f"{100 * by_share[share]['estimate']:.0f} %" if share in by_share else "" for share in shares]
        at_least = least({share: one["estimate"] for share, one in by_share.items()})
        rows.append([study["task"], study["profile"], str(alarms["judgements"]), percent(alarms), at_least, *found])
        for scenario in study["scenarios"]:
            cells = [shown(by_share[share], scenario) if share in by_share else "" for share in shares[:MOST]]
            at_least = least({share: one["by_scenario"].get(scenario, 0.0) for share, one in by_share.items()})
            by_scenario.append([scenario, study["profile"], shown(alarms, scenario), at_least, *cells])
    kept = [f"{share:g} kept" for share in shares]
    return "\n".join(
        [
            "A false alarm: exact retraining is not conformant. "
            "The other columns: how often a method that keeps that share of the",
            "forget rows, at random, is not conformant; and the least share from which on that is 90 % or more.",
            "",
            *table(["task", "profile", "judgements", "false alarms", "found in 90 %", *kept], rows),
            "A verdict fails where any scenario shows it, so a task's sharpest scenario decides the row above. "
            "By scenario: in how",
            "many judgements it was not conformant there, and the check that did not pass most often.",
            "",
            *table(["scenario", "profile", "retraining", "found in 90 %", *kept[:MOST]], by_scenario),
        ]
    )


def draw(studies: Mapping[str, Any], path: Path) -> None:
    """Draw detection against the share kept, for the smallest shares (``MOST``).

    Each task and profile has a panel, with a thin line for each scenario.
    """
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "the same picture of the same rates"
    from matplotlib import pyplot

    tasks = sorted({study["task"] for study in studies.values()})
    profiles = [name for name in PROFILES if any(study["profile"] == name for study in studies.values())]
    figure, panels = pyplot.subplots(
        len(tasks), len(profiles), sharex=True, sharey=True, squeeze=False, figsize=(9, 2.4 * len(tasks))
    )
    for task, row in zip(tasks, panels, strict=True):
        for profile, panel in zip(profiles, row, strict=True):
            panel.axhline(POWER, color="0.8", linewidth=0.8)
            panel.set_title(f"{task}, {profile}", fontsize=9)
            study = studies.get(f"{profile} {task}")
            if study is None:
                continue
            rates = [study["false_alarm_rate"], *sorted(study["detection"], key=lambda one: one["kept"])[:MOST]]
            shares = [0.0, *(one["kept"] for one in rates[1:])]
            for scenario in study["scenarios"]:
                found = [one["by_scenario"].get(scenario, 0.0) for one in rates]
                panel.plot(shares, found, linewidth=1, label=scenario.partition("/")[2])
            panel.plot(shares, [one["estimate"] for one in rates], color="black", linewidth=2, label="any")
            panel.legend(fontsize=6, frameon=False, loc="lower right")
    for panel in panels[-1]:
        panel.set_xlabel("share of the forget rows kept")
    for row in panels:
        row[0].set_ylabel("not conformant")
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rates", nargs="+", type=Path)
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    studies: dict[str, Any] = {}
    for path in arguments.rates:
        studies |= json.loads(path.read_text(encoding="utf-8"))["studies"]
    draw(studies, arguments.output.parent / "images" / "detection.svg")
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
