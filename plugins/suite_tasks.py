"""The packaged suites, and the task of a suite: a name, a class or an instance, or a counterpart on published data."""

from __future__ import annotations

from pathlib import Path

import pytest

from mu_conformance import discovery
from mu_conformance.judging.session import JudgingSession
from mu_conformance.tasks import Task, registry

__all__ = ["packaged_suites", "task_name", "task_of"]


def packaged_suites() -> list[str]:
    """Return the files of the packaged suites. Named files, unlike a folder, are collected whatever the ini says."""
    from mu_conformance import suites

    return [str(path) for path in sorted(Path(suites.__file__).parent.rglob("test_*.py"))]


def task_of(suite: type, judge: JudgingSession) -> Task:
    """The task of a suite, or what takes its place on published data."""
    if judge.settings.data != "hub":
        return _embedded(suite)
    return _of_its_kind(suite, judge.task(task_name(suite, "hub")))


def task_name(suite: type, data: str) -> str:
    named = suite.task  # type: ignore[attr-defined]
    # On published data the name is enough: the embedded task of that name is not needed.
    return named if isinstance(named, str) and data == "hub" else _embedded(suite).name


def _embedded(suite: type) -> Task:
    task = suite.task  # type: ignore[attr-defined]
    if isinstance(task, str):
        try:
            task = registry.find_task(task)
        except discovery.UnknownName as error:
            raise pytest.UsageError(f"suite {suite.__name__}: {error}") from None
    if isinstance(task, type):
        task = suite.task = task()  # type: ignore[attr-defined]
    if not isinstance(task, Task):
        raise pytest.UsageError(f"suite {suite.__name__}: task must be a name or a Task, got {type(task).__name__}")
    return _of_its_kind(suite, task)


def _of_its_kind(suite: type, task: Task) -> Task:
    kind = suite.task_kind  # type: ignore[attr-defined]
    if kind is not None and not isinstance(task, kind):
        raise pytest.UsageError(f"suite {suite.__name__} is for a {kind.__name__}; {task.name} is another kind of task")
    return task
