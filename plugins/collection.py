"""Collection: the suites of a run, and a test for each question."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from mu_conformance.suites.conformance import ConformanceSuite

from mu_conformance.checks import manifest
from mu_conformance.scenarios.forget_sets import ForgetSetError
from mu_conformance.tasks import Task, TaskError

from .reporting import conftests
from .state import State
from .suite_tasks import task_name, task_of

__all__ = ["Collection", "Question"]


@dataclasses.dataclass(frozen=True)
class Question:
    """One test: a manifest entry for one method."""

    method: int
    entry: manifest.Entry

    @property
    def check(self) -> str:
        return self.entry.check

    @property
    def scenario(self) -> str:
        return self.entry.scenario


class Collection:
    """Collects the suites and makes their tests from the manifest."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.entries: dict[str, list[manifest.Entry]] = {}
        """The manifest's entries of each collected task."""
        self.unusable: list[str] = []
        """What is wrong with a suite. Raised while collecting, it would be one failed file among others."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_pycollect_makeitem(self, collector: Any, name: str, obj: Any) -> Any:
        """Collect suites whatever naming rules the repository's ini has."""
        settings, judging = self.state.options.settings, self.state.sessions[0]
        if isinstance(obj, type) and issubclass(obj, ConformanceSuite) and hasattr(obj, "task"):
            if settings.tasks and task_name(obj, settings.data) not in settings.tasks:
                return []
            task_of(obj, judging)
            return pytest.Class.from_parent(collector, name=name, obj=obj)
        parent = getattr(collector, "obj", None)
        if isinstance(parent, type) and issubclass(parent, ConformanceSuite) and name.startswith("test_"):
            return list(collector._genfunctions(name, obj))
        return None

    def pytest_generate_tests(self, metafunc: Any) -> None:
        if "mu_entry" not in metafunc.fixturenames or metafunc.cls is None:
            return
        task = task_of(metafunc.cls, self.state.sessions[0])
        architecture = self.state.options.settings.architecture
        if architecture is not None and architecture not in task.architectures:
            self.unusable.append(
                f"--mu-model {architecture} is not an architecture of task {task.name}, which has "
                f"{', '.join(task.architectures)}"
            )
            metafunc.parametrize("mu_entry", [])
            return
        try:
            entries = self._entries(task)
        except (TaskError, ForgetSetError) as error:
            self.unusable.append(str(error))
            metafunc.parametrize("mu_entry", [])
            return
        for judging in self.state.sessions:
            judging.method.warm(task.ref, architecture or task.architectures[0])
        metafunc.parametrize("mu_entry", self._parameters(entries))

    def _entries(self, task: Task) -> list[manifest.Entry]:
        if task.name not in self.entries:
            for judging in self.state.sessions:
                judging.add_task(task)
            self.entries[task.name] = self.state.sessions[0].entries(task)
            if not self.state.worker:
                self.state.reporting.collected(self.state.records, task.name, self.entries[task.name])
        return self.entries[task.name]

    def _parameters(self, entries: list[manifest.Entry]) -> list[Any]:
        methods, parameters = self.state.options.methods, []
        for number, ref in enumerate(methods):
            for entry in entries:
                part = entry.scenario.partition("/")[2].replace("%", "pct")
                name = f"{part}-{entry.check}"
                if len(methods) > 1:
                    name = f"{ref.partition(':')[2] or ref}-{name}"
                parameters.append(
                    pytest.param(Question(number, entry), id=name, marks=pytest.mark.mu_check(entry.check))
                )
        return parameters

    def pytest_collection_finish(self, session: Any) -> None:
        if self.unusable:
            raise pytest.UsageError(self.unusable[0])
        if self.state.options.settings.profile.name != "thorough":
            return
        ours = str(Path(__file__).resolve().parents[1])
        foreign = [path for path in conftests(self.state.config) if not path.startswith(ours)]
        if foreign:
            raise pytest.UsageError(f"the thorough profile refuses foreign conftests: {foreign[0]}")
