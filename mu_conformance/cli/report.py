"""``mu-conformance report``: renders of a scorecard."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from mu_conformance import discovery as registry
from mu_conformance.cli.scorecards import read, well_formed

__all__ = ["register"]

FORMATS = ("terminal", "markdown", "json")


def register(commands: Any) -> None:
    """Add the command."""
    report = commands.add_parser("report", help="render a scorecard")
    report.add_argument("file", type=Path, metavar="FILE")
    report.add_argument("--format", default="terminal", metavar="FORMAT", help=", ".join(FORMATS))
    report.set_defaults(run=_report)


def _report(options: argparse.Namespace) -> int:
    from mu_conformance.scorecard import summary
    from mu_conformance.scorecard.renders import markdown

    form = registry.one_of("format", options.format, list(FORMATS))
    scorecard = read(options.file)
    with well_formed(options.file):
        if form == "json":
            rendered = json.dumps(scorecard, indent=1, allow_nan=False)
        elif form == "markdown":
            rendered = markdown.render(scorecard)
        else:
            rendered = "\n".join(summary.terminal_lines(scorecard))
    print(rendered)
    return 0
