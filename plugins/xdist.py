"""Under pytest-xdist: a scenario's tests go to one worker, so that its evidence is gathered once."""

from __future__ import annotations

from typing import Any

__all__ = ["scheduler"]


def scheduler(config: Any, log: Any) -> Any:
    """Schedule by class and scenario, unless the user chose a ``--dist`` of their own."""
    if config.getvalue("dist") not in ("load", "no"):
        return None
    from xdist.scheduler import LoadScopeScheduling

    class ByScenario(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            # test_conforms[random-10pct-privacy.membership-loss]: the check's id is the last part with a dot
            test, bracket, parameters = nodeid.partition("[")
            if not bracket:
                return nodeid.rpartition("::")[0]
            head = parameters.partition(".")[0]
            return f"{test}[{head.rpartition('-')[0]}"

    return ByScenario(config, log)
