"""Reading scorecards that a user names: whatever is wrong with one is bad input, never a crash."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mu_conformance.cli.command import CommandError

__all__ = ["read", "well_formed"]


@contextlib.contextmanager
def well_formed(*paths: Path) -> Iterator[None]:
    """A scorecard of the right schema may still lack what a render needs: that is bad input, not a crash."""
    import jinja2

    try:
        yield
    except (KeyError, IndexError, TypeError, AttributeError, ValueError, jinja2.UndefinedError) as error:
        named = " or ".join(map(str, paths))
        raise CommandError(f"scorecard {named} is malformed ({type(error).__name__}: {error})") from error


def read(path: Path) -> dict[str, Any]:
    """The scorecard; ``CommandError`` if there is none."""
    from mu_conformance.scorecard import document

    try:
        return document.read(path)
    except document.ScorecardError as error:
        raise CommandError(str(error)) from None
