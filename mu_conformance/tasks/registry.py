"""Find tasks by name: the embedded ones, installed ones, and those on published data."""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import importlib.util
import pkgutil
from pathlib import Path
from typing import TYPE_CHECKING

from mu_conformance.discovery import UnknownName, one_of

if TYPE_CHECKING:
    from mu_conformance.tasks import Task

__all__ = ["DATA", "TASK_ENTRY_POINTS", "find_task", "hub_task", "hub_tasks", "task_names", "tasks"]

TASK_ENTRY_POINTS = "mu_conformance.tasks"
"""Entry-point group in which an installed package names its tasks."""


DATA = ("embedded", "hub")
"""Kinds of data that a task may be judged on."""


@functools.cache
def tasks() -> dict[str, Task]:
    """Return every task by name: the embedded ones, and those of the entry-point group ``mu_conformance.tasks``.

    A fixture without ``TASK`` is still being built and is not offered: its scenarios lack the power to judge.
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
        if task.name in found:
            raise UnknownName(
                f"the entry point {point.value} names a second task {task.name!r}: a task may not replace another; "
                "rename it or uninstall its package"
            )
        found[task.name] = task
    return found


def find_task(name: str, data: str = "embedded") -> Task:
    """Return the task of that name on that kind of data; ``UnknownName`` names the choices."""
    if data == "hub":
        return hub_task(one_of("task on published data", name, hub_tasks()))
    return tasks()[one_of("task", name, sorted(tasks()))]


def task_names(data: str = "embedded") -> list[str]:
    """Return the names of the tasks on that kind of data."""
    return hub_tasks() if data == "hub" else sorted(tasks())


@functools.cache
def _hub_modules() -> dict[str, str]:
    """Return the module of each task on published data (``fixtures/<task>/hub.py``), without importing any."""
    root = importlib.import_module("mu_conformance.fixtures")
    return {
        path.parent.name: f"mu_conformance.fixtures.{path.parent.name}.hub"
        for folder in root.__path__
        for path in sorted(Path(folder).glob("*/hub.py"))
    }


def hub_tasks() -> list[str]:
    """Return the names of the tasks that have a counterpart on published data."""
    return sorted(_hub_modules())


def hub_task(name: str) -> Task:
    """Return a new task of that name on published data.

    Each call makes a new one, because its rows depend on the architecture that it is prepared for.
    """
    return importlib.import_module(_hub_modules()[name]).HUB_TASK()
