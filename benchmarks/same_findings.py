"""Compare two scorecards number by number: whether a change of the code left every finding as it was.

    python benchmarks/same_findings.py BEFORE.json AFTER.json

Times and memory are left out, because they belong to the machine. Keys that only the later scorecard has are left out
too. Seeds of calls and unseen requests follow from the challenge: give both runs the same ``--mu-challenge``. Exits
with 1 where anything differs.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

OF_THE_MACHINE = ("wall seconds", "processor seconds", "peak memory")
"""How the names of measurements begin that no two runs share."""
COMPARED = ("outcome", "required", "message")


def differences(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Return a line for each difference between two findings on one entry."""
    found = [
        f"{key}: {before[key]!r} before, {after[key]!r} now"
        for key in COMPARED
        if before[key] != after[key] and not (key == "message" and before["id"].startswith("cost."))
    ]
    old, new = before["measurements"], after["measurements"]
    if len(old) != len(new):
        return [*found, f"{len(old)} measurements before, {len(new)} now"]
    for one, other in zip(old, new, strict=True):
        if not one["name"].startswith(OF_THE_MACHINE) and any(other.get(key) != one[key] for key in one):
            found.append(f"{one} before, {other} now")
    return found


def main() -> int:
    """Print what differs, then a count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    options = parser.parse_args()
    cards = [json.loads(path.read_text(encoding="utf-8")) for path in (options.before, options.after)]
    old, new = ({(check["id"], check["scenario"]): check for check in card["checks"]} for card in cards)
    lines = [f"{check} on {scenario}: in one of them only" for check, scenario in sorted(old.keys() ^ new.keys())]
    for key in sorted(old.keys() & new.keys()):
        lines += [f"{key[0]} on {key[1]}: {line}" for line in differences(old[key], new[key])]
    for line in lines:
        print(line)
    measurements = sum(len(check["measurements"]) for check in old.values())
    print(f"{len(old)} findings, {measurements} measurements: {len(lines)} differences")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
