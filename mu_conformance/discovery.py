"""Finding things by looking: modules of a package, and tasks by name."""

from __future__ import annotations

import difflib
import functools
import importlib
import importlib.metadata
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mu_conformance.tasks import Task

__all__ = [
    "DATA",
    "UnknownName",
    "find_task",
    "hub_task",
    "hub_tasks",
    "member",
    "member_names",
    "members",
    "modules_of",
    "one_of",
    "task_names",
    "tasks",
]

TASK_ENTRY_POINTS = "mu_conformance.tasks"
DATA = ("embedded", "hub")
"""The kinds of data that a task may be judged on."""


class UnknownName(LookupError):
    """A name that is not registered; the message names the choices."""

    def __str__(self) -> str:
        return str(self.args[0])


def one_of(kind: str, name: str, known: list[str]) -> str:
    """``name`` if it is known; else ``UnknownName`` with the close matches first."""
    if name in known:
        return name
    near = difflib.get_close_matches(name, known)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    raise UnknownName(f"unknown {kind} {name!r}; {hint}the choices are: {', '.join(known)}")


def modules_of(package: str) -> Iterator[ModuleType]:
    """Import and yield every module below a package, in the order of their names."""
    root = importlib.import_module(package)
    for found in sorted(pkgutil.walk_packages(root.__path__, f"{package}."), key=lambda m: m.name):
        yield importlib.import_module(found.name)


@functools.cache
def tasks() -> dict[str, Task]:
    """Every task by name: the embedded ones, and those of the entry-point group ``mu_conformance.tasks``.

    A fixture without ``TASK`` is still being built: its scenarios lack the power to judge, so it is not offered.
    """
    found = {}
    root = importlib.import_module("mu_conformance.fixtures")
    for module in pkgutil.iter_modules(root.__path__, "mu_conformance.fixtures."):
        task = getattr(importlib.import_module(module.name), "TASK", None)
        if task is not None:
            found[task.name] = task
    for point in importlib.metadata.entry_points(group=TASK_ENTRY_POINTS):
        task = point.load()
        task = task() if isinstance(task, type) else task
        found[task.name] = task
    return found


def find_task(name: str, data: str = "embedded") -> Task:
    """The task of that name on that kind of data; ``UnknownName`` names the choices."""
    if data == "hub":
        return hub_task(one_of("task on published data", name, hub_tasks()))
    return tasks()[one_of("task", name, sorted(tasks()))]


def task_names(data: str = "embedded") -> list[str]:
    """The names of the tasks that there are on that kind of data."""
    return hub_tasks() if data == "hub" else sorted(tasks())


@functools.cache
def _hub_modules() -> dict[str, str]:
    """The modules of tasks on published data by the task's name, without importing any: ``fixtures/<task>/hub.py``."""
    root = importlib.import_module("mu_conformance.fixtures")
    return {
        path.parent.name: f"mu_conformance.fixtures.{path.parent.name}.hub"
        for folder in root.__path__
        for path in sorted(Path(folder).glob("*/hub.py"))
    }


def hub_tasks() -> list[str]:
    """The names of the tasks that have a counterpart on published data."""
    return sorted(_hub_modules())


def hub_task(name: str) -> Task:
    """A new task of that name on published data: its rows depend on the architecture that it is prepared for."""
    return importlib.import_module(_hub_modules()[name]).HUB_TASK()


@functools.cache
def _modules_by_class(package: str) -> dict[str, str]:
    """The module of each class of a package of methods or controls, without importing any: the name in ``__all__``."""
    root = importlib.import_module(package)
    found: dict[str, str] = {}
    for folder in root.__path__:
        for path in sorted(Path(folder).glob("[!_]*.py")):
            exported = re.search(r'^__all__ = \["(\w+)"\]', path.read_text(encoding="utf-8"), re.MULTILINE)
            if exported is None:
                raise ImportError(f"{path.name} of {package} must hold one class, and name it alone in __all__")
            found[exported[1]] = f"{package}.{path.stem}"
    return found


def members(package: str) -> dict[str, type]:
    """The one class of each module of a package of methods or controls, by name."""
    return {name: getattr(importlib.import_module(module), name) for name, module in _modules_by_class(package).items()}


def member(package: str, name: str) -> type:
    """The class ``name`` of a package of methods or controls; ``AttributeError`` if no file holds it."""
    module = _modules_by_class(package).get(name)
    if module is None:
        raise AttributeError(f"module {package!r} has no attribute {name!r}")
    return getattr(importlib.import_module(module), name)


def member_names(package: str) -> list[str]:
    """The names of a package's methods or controls, without importing them."""
    return sorted(_modules_by_class(package))
