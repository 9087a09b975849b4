"""``mu-conformance verify``: whether a scorecard adds up."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from mu_conformance.cli.scorecards import read_json

__all__ = ["register"]


def register(commands: Any) -> None:
    """Add the command."""
    verify = commands.add_parser("verify", help="whether a scorecard adds up; exit 1 if not")
    verify.add_argument("file", type=Path, metavar="FILE")
    verify.set_defaults(run=_verify)


def _verify(options: argparse.Namespace) -> int:
    from mu_conformance.scorecard import verification

    scorecard = read_json(options.file)
    problems = verification.verify(scorecard)
    verdict = scorecard["verdict"]
    adds_up = f"{verdict['status']}, {verdict['passed']} of {verdict['required']} required checks passed"
    for problem in problems:
        print(f"{options.file}: {problem}")
    if not problems:
        print(f"{options.file} adds up: {adds_up}")
    return 1 if problems else 0
