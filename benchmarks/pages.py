"""Rewrite the part of a documentation page between two marks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

__all__ = ["replace", "split", "table"]


def table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a table, and an empty line."""
    return [
        f"| {' | '.join(heading)} |",
        f"|{' --- |' * len(heading)}",
        *(f"| {' | '.join(row)} |" for row in rows),
        "",
    ]


def split(page: Path, begin: str, end: str) -> tuple[str, str, str]:
    """Return the text before the first mark, between the marks, and after the second mark.

    Raises:
        SystemExit: a mark is missing.
    """
    before, _, rest = page.read_text(encoding="utf-8").partition(begin)
    between, found, after = rest.partition(end)
    if not found:
        raise SystemExit(f"{page} has no place for it, between {begin} and {end}")
    return before, between, after


def replace(page: Path, begin: str, end: str, text: str) -> None:
    """Write ``text`` between the marks, in place of the text there."""
    before, _, after = split(page, begin, end)
    page.write_text(f"{before}{begin}\n\n{text}\n{end}{after}", encoding="utf-8")
