"""Print tables on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["print_table"]


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "-" if value is None else str(value)


def print_table(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print rows with the same keys, except ``ref``, which is as long as the others together; ``--json`` has it."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    if not rows:
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    columns = [column for column in rows[0] if column != "ref"]
    for column in columns:
        table.add_column(column.replace("_", " "), no_wrap=column == "name", overflow="fold")
    for row in rows:
        table.add_row(*(_cell(row[column]) for column in columns))
    width = None if sys.stdout.isatty() else 160  # rich takes a pipe for 80 columns and folds every summary
    Console(width=width, markup=False, emoji=False, highlight=False).print(table)
