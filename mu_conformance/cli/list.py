"""Run ``mu-conformance list``: show what there is, for people and, with ``--json``, for programs."""

from __future__ import annotations

import argparse
import inspect
import json
from collections.abc import Callable
from typing import Any

from mu_conformance import discovery
from mu_conformance.cli.command import CommandError
from mu_conformance.cli.table import print_table
from mu_conformance.scenarios.profiles import PROFILES

__all__ = ["register"]

METHOD_ENTRY_POINTS = "mu_conformance.methods"
"""Entry-point group in which an installed package names its methods."""


def register(commands: Any) -> None:
    """Add the command."""
    listing = commands.add_parser("list", help=f"list what there is: {', '.join(_LISTS)}")
    listing.add_argument("kind", metavar="KIND", help=", ".join(_LISTS))
    listing.add_argument("--json", action="store_true", help="print a list of objects, for programs")
    listing.add_argument("--explain", metavar="ID", help="show what one check asserts, why, and what a failure means")
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

    package = "mu_conformance.methods"
    rows = [
        {"name": name, "ref": f"{package}:{name}", "summary": _first_line(found)}
        for name, found in discovery.members(package).items()
    ]
    for point in importlib.metadata.entry_points(group=METHOD_ENTRY_POINTS):
        try:
            summary = _first_line(point.load())
        except Exception as error:  # somebody else's package must not take the listing down
            summary = f"cannot be loaded: {type(error).__name__}: {error}"
        rows.append({"name": point.name, "ref": point.value, "summary": summary})
    return rows


def _list_controls() -> list[dict[str, Any]]:
    package = "mu_conformance.controls"
    return [
        {
            "name": name,
            "ref": f"{package}:{name}",
            "check": found.caught_by,  # type: ignore[attr-defined]
            "summary": _first_line(found),
        }
        for name, found in discovery.members(package).items()
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


_LISTS: dict[str, Callable[[], list[dict[str, Any]]]] = {
    "tasks": _list_tasks,
    "methods": _list_methods,
    "checks": _list_checks,
    "controls": _list_controls,
    "profiles": _list_profiles,
}


def _list(options: argparse.Namespace) -> int:
    kind = discovery.one_of("list", options.kind, list(_LISTS))
    if options.explain is not None:
        if kind != "checks":
            raise CommandError(f"--explain goes with 'list checks', not with 'list {kind}'")
        from mu_conformance.checks import find_check

        check = find_check(options.explain)
        print(f"{check.id} ({check.ref})\n\n{check.explanation}")
        return 0
    rows = _LISTS[kind]()
    if options.json:
        print(json.dumps(rows, indent=1))
    else:
        print_table(rows)
    return 0
