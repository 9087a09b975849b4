"""Run ``mu-conformance list``: show what there is, for people and, with ``--json``, for programs."""

from __future__ import annotations

import argparse
import dataclasses
import inspect
import json
from collections.abc import Callable
from typing import Any

from mu_conformance import discovery
from mu_conformance.cli.command import CommandError
from mu_conformance.cli.explain import print_check
from mu_conformance.cli.table import Entry, print_entries, wrapped
from mu_conformance.scenarios.profiles import PROFILES

__all__ = ["register"]

METHODS, CONTROLS = "mu_conformance.methods", "mu_conformance.controls"
"""Packages of the suite's methods and controls."""
METHOD_ENTRY_POINTS = "mu_conformance.methods"
"""Entry-point group in which an installed package names its methods."""


def register(commands: Any) -> None:
    """Add the command."""
    listing = commands.add_parser("list", help=f"list what there is: {', '.join(_LISTS)}")
    listing.add_argument("kind", metavar="KIND", help=", ".join(_LISTS))
    listing.add_argument("--json", action="store_true", help="print a list of objects, for programs")
    listing.add_argument("--explain", metavar="ID", help="show one check, as 'explain ID' does")
    listing.set_defaults(run=_list)


def _first_line(thing: Any) -> str:
    """Return the first line of a docstring."""
    return (inspect.getdoc(thing) or "").partition("\n")[0]


def _list_tasks() -> list[dict[str, Any]]:
    from mu_conformance.tasks import registry

    return [
        {
            "name": task.name,
            "ref": task.ref,
            "modality": task.modality,
            "architectures": list(task.architectures),
            "forget_sets": list(task.forget_sets),
            "deletion_unit": task.deletion_unit,
            **_published(task.name),
            "summary": task.summary,
        }
        for _, task in sorted(registry.tasks().items())
    ]


def _published(name: str) -> dict[str, Any]:
    """Return the dataset and the checkpoints, by architecture, of a task's counterpart on published data.

    Both are None if it has no counterpart.
    """
    from mu_conformance.tasks import registry

    if name not in registry.hub_tasks():
        return {"hub_dataset": None, "hub_checkpoints": None}
    task: Any = registry.hub_task(name)
    return {"hub_dataset": task.dataset.id, "hub_checkpoints": dict(task.checkpoints)}


def _list_methods() -> list[dict[str, Any]]:
    import importlib.metadata

    rows = [
        {"name": name, "ref": f"{METHODS}:{name}", "summary": _first_line(found)}
        for name, found in discovery.members(METHODS).items()
    ]
    for point in importlib.metadata.entry_points(group=METHOD_ENTRY_POINTS):
        try:
            summary = _first_line(point.load())
        except Exception as error:  # somebody else's package must not take the listing down
            summary = f"cannot be loaded: {type(error).__name__}: {error}"
        rows.append({"name": point.name, "ref": point.value, "summary": summary})
    return rows


def _list_controls() -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "ref": f"{CONTROLS}:{name}",
            "check": found.caught_by,  # type: ignore[attr-defined]
            "summary": _first_line(found),
        }
        for name, found in discovery.members(CONTROLS).items()
    ]


def _list_checks() -> list[dict[str, Any]]:
    from mu_conformance.checks import catalogue

    return [
        {
            "name": check.id,
            "ref": check.ref,
            "family": check.family,
            "guarantee": str(check.guarantee),
            "level": str(check.level),
            "summary": check.summary,
        }
        for check in catalogue().values()
    ]


def _list_profiles() -> list[dict[str, Any]]:
    return [
        {
            "name": profile.name,
            "ref": None,
            "runs": list(profile.looks),
            "references": profile.references,
            "ratio": profile.ratio,
            "summary": profile.summary,
        }
        for profile in PROFILES.values()
    ]


def _task_entry(row: dict[str, Any]) -> Entry:
    facts = [
        f"architectures: {', '.join(row['architectures'])}",
        f"forget sets: {', '.join(row['forget_sets'])}",
        f"deletion unit: {row['deletion_unit'] or 'none'}",
    ]
    if row["hub_dataset"] is not None:
        # The checkpoints' own names are as long as the rest of the entry; ``--json`` has them.
        facts.append(f"published data: {row['hub_dataset']}, with {', '.join(row['hub_checkpoints'])}")
    return Entry(row["name"], row["summary"], tuple(facts), f"({row['modality']})")


def _method_entry(row: dict[str, Any]) -> Entry:
    foreign = "" if row["ref"].startswith(f"{METHODS}:") else f" ({row['ref']})"
    return Entry(row["name"], f"{row['summary']}{foreign}")


def _check_entry(row: dict[str, Any]) -> Entry:
    return Entry(row["name"], row["summary"], aside=f"({row['level']}, {row['guarantee']})")


def _control_entry(row: dict[str, Any]) -> Entry:
    return Entry(row["name"], row["summary"], aside=f"(fails {row['check']})")


def _profile_entry(row: dict[str, Any]) -> Entry:
    runs = ", ".join(map(str, row["runs"]))
    numbers = f"runs: {runs}; references: {row['references']}; share of rows to delete: {row['ratio']:g}"
    return Entry(row["name"], row["summary"], (numbers,))


@dataclasses.dataclass(frozen=True)
class _List:
    """Says how to list one kind of thing."""

    rows: Callable[[], list[dict[str, Any]]]
    """Function that returns an object for each thing, for programs."""
    entry: Callable[[dict[str, Any]], Entry]
    """Function from one of these objects to what people read."""
    hints: tuple[str, ...]
    """Sentences below the list, each on a line of its own: what is beside a name, and how to use one."""


_LISTS = {
    "tasks": _List(_list_tasks, _task_entry, ("Judge a method on one: pytest --method PKG:ATTR --mu-task NAME",)),
    "methods": _List(_list_methods, _method_entry, (f"Judge one: pytest --method {METHODS}:NAME",)),
    "checks": _List(
        _list_checks,
        _check_entry,
        (
            "In brackets: the level, and the weakest guarantee that requires the check.",
            "Read what one decides and means: mu-conformance explain NAME",
        ),
    ),
    "controls": _List(
        _list_controls,
        _control_entry,
        (
            "Each control breaks one promise on purpose, and must fail the check in brackets.",
            f"Judge one: pytest --method {CONTROLS}:NAME",
        ),
    ),
    "profiles": _List(
        _list_profiles,
        _profile_entry,
        (
            "A check decides at the first number of runs that is conclusive.",
            "Choose one: pytest --method PKG:ATTR --mu-profile NAME",
        ),
    ),
}


def _list(options: argparse.Namespace) -> int:
    kind = discovery.one_of("list", options.kind, list(_LISTS))
    if options.explain is not None:
        if kind != "checks":
            raise CommandError(f"--explain goes with 'list checks', not with 'list {kind}'")
        from mu_conformance.checks import find_check

        print_check(find_check(options.explain))
        return 0
    listed = _LISTS[kind]
    rows = listed.rows()
    if options.json:
        print(json.dumps(rows, indent=1))
        return 0
    print_entries([listed.entry(row) for row in rows])
    print("", *(line for hint in listed.hints for line in wrapped(hint)), sep="\n")
    return 0
