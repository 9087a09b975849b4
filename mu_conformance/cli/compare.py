"""Run ``mu-conformance compare``: list what changed between two scorecards."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from mu_conformance.cli.command import CommandError
from mu_conformance.cli.scorecards import read

__all__ = ["register"]


def register(commands: Any) -> None:
    """Add the command."""
    compare = commands.add_parser("compare", help="list what changed between two scorecards; exit 1 on a regression")
    compare.add_argument("before", type=Path, metavar="BEFORE")
    compare.add_argument("after", type=Path, metavar="AFTER")
    compare.set_defaults(run=_compare)


def _compare(options: argparse.Namespace) -> int:
    from mu_conformance.scorecard import diff

    before, after = read(options.before), read(options.after)
    if not before.complete:
        raise CommandError(f"{options.before} is of a partial run: compare with the scorecard of a whole one")
    changed, regressions = diff.changes(before, after), diff.regressions(before, after)
    same_manifest = before.suite.get("manifest_sha256") == after.suite.get("manifest_sha256")
    data = [card.suite.get("data", "embedded") for card in (before, after)]
    statuses = before.verdict.status, after.verdict.status
    if not same_manifest:
        print("the two scorecards answer different questions: their manifests differ")
    if data[0] != data[1]:
        print(f"the two scorecards are of different data: {data[0]} before, {data[1]} now")
    for check, scenario, old, new in changed:
        line = f"{check} on {scenario}: {old} before, {new} now"
        print(f"regression: {line}" if line in regressions else line)
    print(f"{len(changed)} changed, {len(regressions)} regressions; {statuses[0]} before, {statuses[1]} now")
    return 1 if regressions else 0
