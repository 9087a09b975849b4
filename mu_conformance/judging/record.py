"""What a run has found, put together in the controller: findings as tests report them, the rest as workers end."""

from __future__ import annotations

import dataclasses
from typing import Any

from mu_conformance.checks import manifest
from mu_conformance.judging.session import Judge

__all__ = ["Aggregate"]


class Aggregate:
    """The manifest's entries of each task, the findings of each method, and what they rest on and cost."""

    def __init__(self, methods: int) -> None:
        self.entries: dict[str, list[manifest.Entry]] = {}
        self.results: list[dict[tuple[str, str], dict[str, Any]]] = [{} for _ in range(methods)]
        self.power: dict[str, dict[str, Any]] = {}
        self.provenance: dict[str, dict[str, Any]] = {}
        self.store_digests: set[str] = set()
        self.costs: dict[str, float] = {}

    def add(self, record: dict[str, Any]) -> None:
        """A finding, as a test reported it."""
        self.results[record["method"]][record["check"], record["scenario"]] = record

    def state(self, judges: list[Judge]) -> dict[str, Any]:
        """What the controller needs of a worker besides the findings, as plain data."""
        costs = {"method": 0.0, "evaluation": 0.0}
        for judge in judges:
            for evidence in judge._evidence.values():
                costs["method"] += sum(run.total(lambda call: call.wall_s) for run in evidence.records(0))
                costs["evaluation"] += evidence.evaluation_s
            for name, spent in judge.method.spent.items():
                costs[name] = costs.get(name, 0.0) + spent
        return {
            "entries": {task: [dataclasses.astuple(e) for e in found] for task, found in self.entries.items()},
            "power": judges[0].fixture_power(),
            # said by whoever collected: the controller of workers knows no task that is not registered
            "provenance": self._provenance(judges[0]),
            "digest": judges[0].store.digest(),
            "costs": costs,
        }

    def _provenance(self, judge: Judge) -> dict[str, Any]:
        """What each collected task rests on besides this package: the published data set, the checkpoint, its revision."""
        architecture = judge.settings.architecture
        tasks = [judge.task(name) for name in self.entries]
        found = {task.name: task.provenance(architecture or task.architectures[0]) for task in tasks}
        return {name: provenance for name, provenance in found.items() if provenance}

    def merge(self, state: dict[str, Any]) -> None:
        """Take in what a worker sent (``state``)."""
        for task, found in state["entries"].items():
            self.entries.setdefault(task, [manifest.Entry(*fields[:-1], tuple(fields[-1])) for fields in found])
        for power in state["power"]:
            self.power[power["scenario"]] = power
        self.provenance.update(state["provenance"])
        self.store_digests.add(state["digest"])
        for name, seconds in state["costs"].items():
            self.costs[name] = self.costs.get(name, 0.0) + seconds
