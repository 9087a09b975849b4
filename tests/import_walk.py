"""The imports of this repository, walked: rooms, floors, circles, and arrows that point upwards.

``python tests/import_walk.py [ROOT]`` counts them for a checkout. A room is a package of ``mu_conformance``, a loose
module at its root, or one of the folders that install into it. Imports inside functions and for typing count.
"""

from __future__ import annotations

import ast
import functools
import sys
from pathlib import Path

MAPPED = {"fixtures": "mu_conformance.fixtures", "plugins": "mu_conformance.plugins", "suites": "mu_conformance.suites"}
"""Folders at the root, and the packages as which they are installed."""

LAYERS = (
    ("protocol", "conditions", "decision", "measures", "store", "engines", "discovery"),
    ("tasks", "adapters"),
    ("training", "isolation", "scenarios", "suites", "fixtures"),
    ("evidence", "methods"),
    ("checks", "controls"),
    ("scorecard", "bundle", "error_rates"),
    ("judging", "cli"),
    ("plugins", "benchmarks", ""),
)
"""From the lowest up; a room imports only rooms of lower layers. The empty name is the facade."""


def sources(root: Path) -> list[Path]:
    """Every Python file that is installed, and the benchmarks."""
    return sorted(path for top in ("mu_conformance", *MAPPED, "benchmarks") for path in (root / top).rglob("*.py"))


def module_name(path: Path, root: Path) -> str:
    """The name under which a file is installed."""
    top, *rest = path.relative_to(root).with_suffix("").parts
    parts = [MAPPED.get(top, top), *rest]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@functools.cache
def imports(path: Path, root: Path) -> set[str]:
    """Every module that a file imports anywhere; of a name that is imported from a module, the module and the name."""
    found = set()
    name = module_name(path, root)
    package = name if path.stem == "__init__" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            source = ".".join(part for part in (".".join(above), node.module) if part)
            found |= {source} | {f"{source}.{alias.name}" for alias in node.names}
    return found


def room(name: str) -> str | None:
    """The room of a module; None of one that is not ours. The facade is the empty name."""
    parts = name.split(".")
    if parts[0] == "benchmarks":
        return "benchmarks"
    if parts[0] != "mu_conformance":
        return None
    return parts[1] if len(parts) > 1 else ""


def file_arrows(root: Path) -> dict[str, set[str]]:
    """By file, the files that it imports."""
    names = {module_name(path, root) for path in sources(root)}
    arrows: dict[str, set[str]] = {}
    for path in sources(root):
        name, found = module_name(path, root), set()
        for imported in imports(path, root):
            known = imported if imported in names else imported.rpartition(".")[0]
            # ``from package import name`` names the package as well: the package counts only where no module is meant
            deeper = any(other.startswith(f"{imported}.") for other in imports(path, root) & names)
            if known in names and known != name and not (imported == known and deeper):
                found.add(known)
        arrows[name] = found
    return arrows


def room_arrows(files: dict[str, set[str]]) -> dict[str, set[str]]:
    """By room, the other rooms that it imports."""
    arrows: dict[str, set[str]] = {}
    for name, imported in files.items():
        own = room(name)
        if own is not None:
            others = {room(other) for other in imported} - {own, None}
            arrows.setdefault(own, set()).update(other for other in others if other is not None)
    return arrows


def circles(arrows: dict[str, set[str]]) -> list[list[str]]:
    """Groups that import each other in a circle (Tarjan 1972), each sorted."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in sorted(arrows.get(node, ())):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            group = []
            while True:
                group.append(stack.pop())
                if group[-1] == node:
                    break
            if len(group) > 1:
                found.append(sorted(group))

    for node in sorted(arrows):
        if node not in index:
            visit(node)
    return found


def floors(arrows: dict[str, set[str]]) -> int:
    """Rooms on the longest way down; a circle counts as one."""
    of = {node: tuple(group) for group in circles(arrows) for node in group}
    heights: dict[object, int] = {}

    def height(node: str) -> int:
        own = of.get(node, node)
        if own not in heights:
            members = of.get(node, (node,))
            below = {other for member in members for other in arrows.get(member, ()) if of.get(other, other) != own}
            heights[own] = 1 + max((height(other) for other in below), default=0)
        return heights[own]

    return max(height(node) for node in arrows)


def layer(name: str) -> int:
    """The layer of a room, from 1 up; ``KeyError`` for one without a place."""
    for number, rooms in enumerate(LAYERS, 1):
        if name in rooms:
            return number
    raise KeyError(f"{name} has no layer: give it one in tests/import_walk.py")


def upwards(arrows: dict[str, set[str]]) -> list[tuple[str, str]]:
    """Arrows between rooms that do not point to a lower layer; of rooms that have a layer."""
    placed = {name for rooms in LAYERS for name in rooms}
    return sorted(
        (own, other)
        for own, others in arrows.items()
        for other in others
        if own in placed and other in placed and layer(other) >= layer(own)
    )


def longest(root: Path) -> tuple[tuple[int, str], tuple[int, str]]:
    """Lines and name of the longest file, and of the longest function."""
    files, functions = [], []
    for path in sources(root):
        text = path.read_text(encoding="utf-8")
        files.append((len(text.splitlines()), str(path.relative_to(root))))
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                functions.append((length, f"{path.relative_to(root)}:{node.name}"))
    return max(files), max(functions)


def main(root: Path) -> None:
    """Print the counts."""
    files = file_arrows(root)
    rooms = room_arrows(files)
    file, function = longest(root)
    lines = sum(len(path.read_text(encoding="utf-8").splitlines()) for path in sources(root))
    print(f"{len(rooms)} rooms, {floors(rooms)} floors, {sum(map(len, rooms.values()))} arrows")
    print(f"circles of rooms: {circles(rooms) or 'none'}")
    print(f"circles of files: {circles(files) or 'none'}")
    print(f"arrows upwards or beside: {upwards(rooms) or 'none'}")
    print(f"longest file: {file[0]} lines, {file[1]}; longest function: {function[0]} lines, {function[1]}")
    print(f"{len(sources(root))} files, {lines} lines")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else Path(__file__).resolve().parents[1])
