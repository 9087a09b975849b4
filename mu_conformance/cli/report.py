"""Run ``mu-conformance report``: render a scorecard or a journal, or compare several."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path
from typing import Any

from mu_conformance import discovery
from mu_conformance.cli.command import CommandError
from mu_conformance.cli.scorecards import read, read_json, well_formed

__all__ = ["register"]

FORMATS = ("terminal", "markdown", "html", "csv", "latex", "json")
"""Formats of a render."""


def register(commands: Any) -> None:
    """Add the command."""
    report = commands.add_parser("report", help="render a scorecard, or the journal of a stopped run; compare several")
    report.add_argument("files", type=Path, nargs="+", metavar="FILE", help="scorecards; several are compared")
    report.add_argument("--format", default="terminal", metavar="FORMAT", help=", ".join(FORMATS))
    report.add_argument("--output", type=Path, metavar="FILE", help="write there instead of printing")
    report.add_argument("--verbose", "-v", action="store_true", help="list every check on the terminal")
    report.set_defaults(run=_report)


def _report(options: argparse.Namespace) -> int:
    form = discovery.one_of("format", options.format, list(FORMATS))
    with well_formed(*options.files):
        rendered = _render(options.files, form, options.verbose)
    if options.output is None:
        # A hostile name may hold what the terminal's encoding cannot print.
        encoding = sys.stdout.encoding or "utf-8"
        print(rendered.encode(encoding, "replace").decode(encoding), end="" if rendered.endswith("\n") else "\n")
        return 0
    try:
        options.output.write_text(rendered, encoding="utf-8", errors="replace")
    except OSError as error:
        raise CommandError(f"{options.output} cannot be written: {error.strerror}") from None
    return 0


def _render(files: list[Path], form: str, verbose: bool) -> str:
    from mu_conformance.scorecard.renders import html, html_methods, markdown, methods
    from mu_conformance.scorecard.renders.terminal import terminal_lines

    if form == "json":
        if len(files) > 1:
            raise CommandError("the format json is of one scorecard: name one file, or another format")
        read(files[0])  # a malformed one is refused
        return json.dumps(read_json(files[0]), indent=1, allow_nan=False)
    cards = [read(path) for path in files]
    if form in ("csv", "latex"):
        return methods.FORMATS[form](cards)
    if form == "html":
        return html.render(cards[0]) if len(cards) == 1 else html_methods.render(cards)
    if form == "markdown":
        return markdown.render(cards[0]) if len(cards) == 1 else methods.render(cards)
    if len(cards) > 1:
        return "\n".join([*methods.differences(cards), *methods.terminal_lines(cards)])
    return "\n".join(terminal_lines(cards[0], shutil.get_terminal_size().columns, every=verbose))
