"""Pages of documentation of which a part is written by a command, between two marks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

__all__ = ["replace", "split", "table"]


def table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a table, and an empty one."""
    return [
        f"| {' | '.join(heading)} |",
        f"|{' --- |' * len(heading)}",
        *(f"| {' | '.join(row)} |" for row in rows),
        "",
    ]


def split(page: Path, begin: str, end: str) -> tuple[str, str, str]:
    """What stands before the first mark, between the marks, and after the second; ``SystemExit`` if a mark is missing."""
    before, _, rest = page.read_text(encoding="utf-8").partition(begin)
    between, found, after = rest.partition(end)
    if not found:
        raise SystemExit(f"{page} has no place for it, between {begin} and {end}")
    return before, between, after


def replace(page: Path, begin: str, end: str, text: str) -> None:
    """Write ``text`` in the place of what lies between the marks."""
    before, _, after = split(page, begin, end)
    page.write_text(f"{before}{begin}\n\n{text}\n{end}{after}", encoding="utf-8")
