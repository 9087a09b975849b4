"""Print tables, lists and wrapped text on a terminal."""

from __future__ import annotations

import dataclasses
import shutil
import sys
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["Entry", "print_bold", "print_entries", "print_table", "text_width", "wrapped"]

PIPE, WIDEST = 80, 100
"""Columns of text where the output is no terminal, and the most that text takes on a wide one."""
INDENT = 4
"""Columns by which the lines below a name are indented."""
NARROWEST = 40
"""Columns that a description needs beside its name; with fewer, it goes below."""


@dataclasses.dataclass(frozen=True)
class Entry:
    """Describes one thing of a list, for people."""

    name: str
    summary: str
    facts: tuple[str, ...] = ()
    """Further lines, each ``label: value``."""
    aside: str = ""
    """A few words that stand on the line of the name."""


def text_width() -> int:
    """Return the number of columns that text may take."""
    if not sys.stdout.isatty():
        return PIPE
    return min(shutil.get_terminal_size((PIPE, 24)).columns, WIDEST)


def wrapped(text: str, indent: int = 0, hanging: int = 0) -> list[str]:
    """Break a text at its blanks, into lines that fit; a longer word has a line of its own.

    Args:
        text: text to break.
        indent: columns before every line.
        hanging: further columns before every line except the first.
    """
    return textwrap.wrap(
        text,
        max(text_width(), indent + hanging + 1),
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + hanging),
        break_long_words=False,
        break_on_hyphens=False,
    )


def print_bold(line: str, characters: int | None = None) -> None:
    """Print a line whose first characters, or all, are bold on a terminal that can show it."""
    from rich.console import Console
    from rich.text import Text

    text = Text(line)
    text.stylize("bold", 0, len(line) if characters is None else characters)
    Console(markup=False, emoji=False, highlight=False).print(text, soft_wrap=True)


def print_entries(entries: Sequence[Entry]) -> None:
    """Print entries below each other; lone descriptions stand beside the names where there is room."""
    column = max((len(entry.name) for entry in entries), default=0) + 2
    beside = text_width() - column >= NARROWEST and not any(one.facts or one.aside for one in entries)
    for entry in entries:
        if beside:
            first, *rest = wrapped(entry.name.ljust(column) + entry.summary, hanging=column)
        else:
            first, *rest = wrapped(f"{entry.name}  {entry.aside}".rstrip(), hanging=INDENT)
            rest += wrapped(entry.summary, INDENT)
            rest += [line for fact in entry.facts for line in wrapped(fact, INDENT, INDENT // 2)]
        print_bold(first, len(entry.name))
        for line in rest:
            print(line)


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "-" if value is None else str(value)


def print_table(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print rows with the same keys, a column each."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    if not rows:
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in rows[0]:
        table.add_column(column.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*map(_cell, row.values()))
    width = None if sys.stdout.isatty() else 160  # rich takes a pipe for 80 columns and folds long cells
    Console(width=width, markup=False, emoji=False, highlight=False).print(table)
