"""Under pytest-xdist: what workers are handed and send back, and how the tests are shared out among them.

A scenario's tests go to one worker, so that its evidence is gathered once; the costliest go first.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator
from typing import Any

import pytest

from mu_conformance.checks.manifest import CONTRACT, Entry
from mu_conformance.tasks import registry

from .collection import question
from .influences import influences
from .state import State

__all__ = ["Workers", "costliest_first"]


def costliest_first(items: list[Any], costly: Callable[[str], bool]) -> None:
    """Put scenarios of costly tasks first and the contract's small requests last, so that no worker waits at the end.

    ``costly`` is asked the name of a task, and may not rest on anything measured: the workers must agree on an order.
    """

    def turn(item: Any) -> int:
        asked = question(item)
        if asked is None:
            return 1
        if asked.entry.kind == CONTRACT:
            return 2
        return 0 if costly(asked.entry.task) else 1

    items.sort(key=turn)


class Workers:
    """The hooks that pytest-xdist calls in the controller, and the order of tests in a worker."""

    def __init__(self, state: State) -> None:
        self.state = state
        self._shared: list[tuple[str, str] | None] = []
        self._refused: str | None = None

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_setupnodes(self, specs: Any) -> None:
        self.state.display.tell(f"starting {len(specs)} workers")

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        state = self.state
        resumed = [[judged.to_json() for judged in record.judged.values()] for record in state.records]
        node.workerinput["mu_descriptions"] = json.dumps(state.descriptions)
        node.workerinput["mu_resumed"] = json.dumps(resumed)
        node.workerinput["mu_drawn"] = state.options.settings.drawn
        node.workerinput["mu_progress"] = state.display.folder
        node.workerinput["mu_fork_server"] = self._fork_server()

    def _fork_server(self) -> tuple[str, str] | None:
        """Share the fork server that described the first method, warm for the tasks to come."""
        if not self._shared:
            state, settings, tasks = self.state, self.state.options.settings, []
            if settings.data == "embedded" and (settings.tasks or state.packaged):
                for name in settings.tasks or registry.task_names():
                    task = registry.find_task(name)
                    tasks.append((task.ref, settings.architecture or task.architectures[0]))
            for description in state.descriptions[1:]:
                state.sessions[0].method.remember(description)
            self._shared.append(state.sessions[0].method.share(tasks))
        return self._shared[0]

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: Any, log: Any) -> Any:
        """Schedule by class and scenario, unless the user chose a ``--dist`` of their own."""
        if config.getvalue("dist") not in ("load", "no"):
            return None
        from xdist.scheduler import LoadScopeScheduling

        # In the order of collection (``costliest_first``), and not those with the most tests first.
        config.option.loadscopereorder = False

        class ByScenario(LoadScopeScheduling):
            def _split_scope(self, nodeid: str) -> str:
                # test_conforms[random-10pct-privacy.membership-loss]: the check's id is the last part with a dot
                test, bracket, parameters = nodeid.partition("[")
                if not bracket:
                    return nodeid.rpartition("::")[0]
                head = parameters.partition(".")[0]
                return f"{test}[{head.rpartition('-')[0]}"

        return ByScenario(config, log)

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        if self.state.worker:
            costliest_first(items, lambda name: self.state.sessions[0].task(name).quick_kinds == 1)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: Any) -> None:
        """In a worker, send the manifest of what was collected, and why it is not run.

        The controller knows no task that is not registered.
        """
        if not hasattr(session.config, "workeroutput"):
            return
        collection = session.config.pluginmanager.getplugin("mu-conformance-collection")
        entries = {task: [entry.to_json() for entry in listed] for task, listed in collection.entries.items()}
        session.config.workeroutput["mu_entries"] = json.dumps(entries)
        session.config.workeroutput["mu_refused"] = collection.refused
        session.config.workeroutput["mu_influences"] = json.dumps(influences(session.config))

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: Any) -> None:
        self.state.display.forget(node.gateway.id)
        sent = getattr(node, "workeroutput", {})
        self._refused = self._refused or sent.get("mu_refused")
        if "mu_influences" in sent:
            self.state.reporting.workers_influences.append(json.loads(sent["mu_influences"]))
        for task, listed in json.loads(sent.get("mu_entries") or "{}").items():
            entries = [Entry.from_json(entry) for entry in listed]
            self.state.reporting.collected(self.state.records, task, entries)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self) -> Generator[None, object, object]:
        ran = yield
        if self._refused:
            raise pytest.UsageError(self._refused)
        return ran
