"""Read scorecards and journals named by a user; whatever is wrong with one is bad input, never a crash."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mu_conformance.cli.command import CommandError

if TYPE_CHECKING:
    from mu_conformance.scorecard.scorecard import Scorecard

__all__ = ["file_of", "read", "read_json", "well_formed"]


@contextlib.contextmanager
def well_formed(*paths: Path) -> Iterator[None]:
    """Turn what goes wrong inside the block into bad input: a render may need what a document lacks."""
    import jinja2

    try:
        yield
    except (KeyError, IndexError, TypeError, AttributeError, ValueError, jinja2.UndefinedError) as error:
        named = " or ".join(map(str, paths))
        raise CommandError(f"scorecard {named} is malformed ({type(error).__name__}: {error})") from error


def file_of(path: Path) -> Path:
    """Return the scorecard of a folder, or its journal if it has only that; a path that is no folder is itself."""
    if not path.is_dir():
        return path
    scorecard, journal = path / "scorecard.json", path / "journal.jsonl"
    return journal if journal.exists() and not scorecard.exists() else scorecard


def read(path: Path) -> Scorecard:
    """Return the scorecard, or the one that a journal makes; ``CommandError`` if there is none."""
    from mu_conformance.scorecard.document import ScorecardError
    from mu_conformance.scorecard.scorecard import Scorecard

    path = file_of(path)
    try:
        return _from_journal(path) if path.suffix == ".jsonl" else Scorecard.load(path)
    except ScorecardError as error:
        raise CommandError(str(error)) from None


def read_json(path: Path) -> dict[str, Any]:
    """Return a scorecard as plain JSON, unknown keys and all; ``CommandError`` if there is none."""
    from mu_conformance.scorecard.document import ScorecardError, read_json

    path = file_of(path)
    try:
        return _from_journal(path).to_json() if path.suffix == ".jsonl" else read_json(path)
    except ScorecardError as error:
        raise CommandError(str(error)) from None


def _from_journal(path: Path) -> Scorecard:
    """Return the scorecard that a journal makes."""
    from mu_conformance.scorecard.building import build
    from mu_conformance.scorecard.journal import read_journal

    context, record, finished = read_journal(path)
    return build(record, context, finished=finished)
