"""Run ``mu-conformance list | explain | report | compare | verify | store | validate``: all that is not a test run.

The exit status is 0 for yes, 1 for no (a regression, a scorecard that does not add up), 2 for input that cannot be
used. A command is a module of this package with a function ``register(commands)``. Heavy modules are imported inside
the commands that need them, so ``--help`` and mistakes answer at once.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import os
import pkgutil
import sys
from collections.abc import Sequence

from mu_conformance import discovery
from mu_conformance.cli.command import CommandError

__all__ = ["main"]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mu-conformance",
        description="Lists what the suite has, and reads its scorecards. To judge a method: pytest --method PKG:ATTR",
    )
    parser.add_argument(
        "--version", action="version", version=f"mu-conformance {importlib.metadata.version('mu-conformance')}"
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for found in sorted(pkgutil.iter_modules(__path__), key=lambda module: module.name):
        if found.name != "__main__":
            register = getattr(importlib.import_module(f"{__name__}.{found.name}"), "register", None)
            if register is not None:
                register(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit status."""
    options = _parser().parse_args(arguments)
    try:
        status = options.run(options)
        sys.stdout.flush()
    except (CommandError, discovery.UnknownName) as error:
        print(f"mu-conformance: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # The reader went away (``| head``). Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130
    return status
