"""Run ``mu-conformance verify``: check whether a scorecard adds up."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from mu_conformance.cli.command import CommandError
from mu_conformance.cli.scorecards import read_json

__all__ = ["register"]


def register(commands: Any) -> None:
    """Add the command."""
    verify = commands.add_parser("verify", help="check whether a scorecard adds up; exit 1 if not")
    verify.add_argument("file", type=Path, metavar="FILE")
    verify.set_defaults(run=_verify)


def _verify(options: argparse.Namespace) -> int:
    from mu_conformance.scorecard import verification

    scorecard = read_json(options.file)
    try:
        problems = verification.verify(scorecard)
        verdict = {} if problems else scorecard["verdict"]
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise CommandError(f"scorecard {options.file} is malformed ({type(error).__name__}: {error})") from None
    for problem in problems:
        print(f"{options.file}: {problem}")
    if not problems:
        passed = f"{verdict['passed']} of {verdict['required']} required checks passed"
        print(f"{options.file} adds up: {verdict['status']}, {passed}")
    return 1 if problems else 0
