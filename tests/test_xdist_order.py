"""The order in which tests are handed to the workers of pytest-xdist."""

from __future__ import annotations

import random
import types

from mu_conformance.plugins.workers import costliest_first

from mu_conformance.checks.manifest import Entry


def item(name: str, task: str | None = None, kind: str = "random") -> types.SimpleNamespace:
    if task is None:
        return types.SimpleNamespace(name=name)
    entry = Entry(task, f"{task}/{kind}", "forgetting.loss", "text", kind)
    params = {"mu_entry": types.SimpleNamespace(entry=entry)}
    return types.SimpleNamespace(name=name, callspec=types.SimpleNamespace(params=params))


def test_costly_tasks_come_first_and_small_requests_last():
    items = [
        item("cheap contract", "cheap", "contract"),
        item("cheap", "cheap"),
        item("a test of the user's own"),
        item("costly contract", "costly", "contract"),
        item("costly", "costly"),
        item("costly unit", "costly", "unit"),
    ]
    costliest_first(items, lambda task: task == "costly")
    assert [i.name for i in items] == [
        "costly", "costly unit", "cheap", "a test of the user's own", "cheap contract", "costly contract",
    ]  # fmt: skip


def test_what_is_alike_keeps_its_order():
    items = [item(str(number), random.Random(number).choice(["costly", "cheap"])) for number in range(30)]
    before = list(items)
    costliest_first(items, lambda task: task == "costly")
    for turn in (True, False):
        of_task = [i for i in before if (i.callspec.params["mu_entry"].entry.task == "costly") is turn]
        assert [i for i in items if i in of_task] == of_task
