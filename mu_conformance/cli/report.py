"""Run ``mu-conformance report``: render a scorecard or a journal."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from mu_conformance import discovery
from mu_conformance.cli.scorecards import read, read_json, well_formed

__all__ = ["register"]

FORMATS = ("terminal", "markdown", "json")
"""Formats of a render."""


def register(commands: Any) -> None:
    """Add the command."""
    report = commands.add_parser("report", help="render a scorecard, or the journal of a run that was stopped")
    report.add_argument("file", type=Path, metavar="FILE")
    report.add_argument("--format", default="terminal", metavar="FORMAT", help=", ".join(FORMATS))
    report.set_defaults(run=_report)


def _report(options: argparse.Namespace) -> int:
    from mu_conformance.scorecard.renders import markdown
    from mu_conformance.scorecard.renders.terminal import terminal_lines

    form = discovery.one_of("format", options.format, list(FORMATS))
    with well_formed(options.file):
        if form == "json":
            read(options.file)  # a malformed one is refused
            rendered = json.dumps(read_json(options.file), indent=1, allow_nan=False)
        elif form == "markdown":
            rendered = markdown.render(read(options.file))
        else:
            rendered = "\n".join(terminal_lines(read(options.file)))
    print(rendered)
    return 0
