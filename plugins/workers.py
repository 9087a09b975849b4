"""Under pytest-xdist: a scenario's tests go to one worker, so that its evidence is gathered once; the dearest first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mu_conformance.checks.manifest import CONTRACT

__all__ = ["dearest_first", "scheduler"]


def scheduler(config: Any, log: Any) -> Any:
    """Schedule by class and scenario, unless the user chose a ``--dist`` of their own."""
    if config.getvalue("dist") not in ("load", "no"):
        return None
    from xdist.scheduler import LoadScopeScheduling

    # In the order of collection (``dearest_first``), and not those with the most tests first.
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


def dearest_first(items: list[Any], dear: Callable[[str], bool]) -> None:
    """Put the scenarios of dear tasks first and the contract's small requests last, so that no worker waits at the end.

    ``dear`` is asked the name of a task, and may not rest on anything measured: the workers must agree on an order.
    """

    def turn(item: Any) -> int:
        question = getattr(item, "callspec", None) and item.callspec.params.get("mu_entry")
        if not question:
            return 1
        if question.entry.kind == CONTRACT:
            return 2
        return 0 if dear(question.entry.task) else 1

    items.sort(key=turn)
