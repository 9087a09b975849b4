"""Collection: the suites of a run, and a test for each question."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from mu_conformance.suites.conformance import ConformanceSuite

from mu_conformance.checks import manifest
from mu_conformance.judging.progress import CONTRACT_WEIGHT, Work
from mu_conformance.scenarios.forget_sets import ForgetSetError
from mu_conformance.tasks import Task, TaskError

from .influences import foreign, influences
from .state import State
from .suite_tasks import packaged_suites, task_name, task_of

__all__ = ["Collection", "Question", "question", "work_name"]


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


def question(item: Any) -> Question | None:
    """Return what a test asks; None for a test that is not ours."""
    found = getattr(getattr(item, "callspec", None), "params", {}).get("mu_entry")
    return found if hasattr(found, "entry") else None


def work_name(method: int, scenario: str) -> str:
    """Return the name of the work on a scenario for one of several methods."""
    return f"{method} {scenario}"


class Collection:
    """Collects the suites and makes their tests from the manifest."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.entries: dict[str, list[manifest.Entry]] = {}
        """The manifest's entries of each collected task."""
        self.unusable: list[str] = []
        """What is wrong with a suite. Raised while collecting, it would be one failed file among others."""
        self.refused: str | None = None
        """Why what was collected is not run."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> None:
        self.state.display.tell("collecting")

    def pytest_pycollect_makemodule(self, module_path: Path, parent: Any) -> Any:
        """Name the packaged suites the same from everywhere: ``suites/tabular/test_tabular.py``.

        Outside the root folder, pytest leaves the file's name out; below it, the name begins with the way to the
        installed package.
        """
        if str(module_path) not in packaged_suites():
            return None
        name = f"suites/{module_path.parent.name}/{module_path.name}"
        # pytest 9.2 made ids objects, whose class is only had from one of them.
        nodeid = type(parent.id).parse(name) if hasattr(parent, "id") else name
        return pytest.Module.from_parent(parent, path=module_path, nodeid=nodeid)

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
            self.state.display.tell("collecting", task.name)
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

    def _work(self, questions: Iterable[Question]) -> dict[str, Work]:
        """Return the work on each scenario: none where every finding is known already or nothing is claimed."""
        works: dict[str, Work] = {}
        for asked in questions:
            name, entry = work_name(asked.method, asked.entry.scenario), asked.entry
            known = entry.key in self.state.records[asked.method].judged
            if known or not manifest.claimed(entry, self.state.sessions[asked.method].claims):
                weight = 0.0
            else:
                weight = CONTRACT_WEIGHT if entry.kind == manifest.CONTRACT else 1.0
            before = works.get(name, Work(0, 0.0))
            works[name] = Work(before.checks + 1, max(before.weight, weight))
        return works

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_finish(self, session: Any) -> None:
        self.refused = self._refusal()
        if self.refused and self.state.worker:
            # The controller says so: an error here would be a worker that went down.
            session.items.clear()
        elif self.refused:
            raise pytest.UsageError(self.refused)
        self.state.display.plan(self._work(filter(None, map(question, session.items))))

    def _refusal(self) -> str | None:
        """Return why what was collected is not run."""
        if self.unusable:
            return self.unusable[0]
        if self.state.options.settings.profile.name != "thorough":
            return None
        refused = foreign(influences(self.state.config))
        if not refused:
            return None
        return (
            f"the thorough profile refuses what could change its verdict from outside: {', '.join(refused[:5])}; "
            "run it where that is not loaded"
        )
