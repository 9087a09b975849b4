"""What every render says: the headline, and a row for each scenario."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["headline", "task_rows", "terminal_lines"]

FAMILIES = ("contract", "forgetting", "privacy", "utility", "robustness", "cost")


def headline(scorecard: Mapping[str, Any]) -> str:
    """One sentence: how many checks, on which tasks, for which guarantee."""
    verdict = scorecard["verdict"]
    tasks = ", ".join(verdict["scope"]) or "no task"
    data = ", published data" if scorecard["suite"].get("data") == "hub" else ""
    return (
        f"{verdict['passed']} of {verdict['required']} required checks passed on {tasks}; "
        f"guarantee {verdict['guarantee']}, profile {scorecard['suite']['profile']}{data}."
    )


def task_rows(scorecard: Mapping[str, Any]) -> list[dict[str, str]]:
    """For each scenario, ``passed/required`` of each family of checks (``-`` where none is required), and its power.

    ``power`` is how many reference standard deviations the original lies from the references on the sharpest
    forgetting measure (``-`` where it was not needed).
    """
    power = {found["scenario"]: f"{found['separation']:.1f}" for found in scorecard["suite"].get("power", [])}
    scenarios = list(dict.fromkeys(entry["scenario"] for entry in scorecard["checks"]))
    rows = []
    for scenario in scenarios:
        row = {"scenario": scenario, "power": power.get(scenario, "-")}
        for family in FAMILIES:
            found = [
                entry
                for entry in scorecard["checks"]
                if entry["scenario"] == scenario and entry["required"] and entry["id"].startswith(f"{family}.")
            ]
            good = sum(entry["outcome"] == "passed" for entry in found)
            row[family] = f"{good}/{len(found)}" if found else "-"
        rows.append(row)
    return rows


def terminal_lines(scorecard: Mapping[str, Any]) -> list[str]:
    """The terminal summary."""
    rows = task_rows(scorecard)
    width = max([len(row["scenario"]) for row in rows], default=8)
    columns = (*FAMILIES, "power")
    lines = ["scenario".ljust(width) + "".join(column.rjust(12) for column in columns)]
    lines += [row["scenario"].ljust(width) + "".join(row[column].rjust(12) for column in columns) for row in rows]
    bad = [entry for entry in scorecard["checks"] if entry["required"] and entry["outcome"] not in ("passed", "waived")]
    for entry in bad[:12]:
        lines.append(f"  {entry['outcome']}: {entry['id']} on {entry['scenario']}")
    if len(bad) > 12:
        lines.append(f"  ... and {len(bad) - 12} more")
    lines.append(headline(scorecard))
    lines.append(f"{scorecard['method']['ref']}: {scorecard['verdict']['status'].replace('_', ' ').upper()}")
    return lines
