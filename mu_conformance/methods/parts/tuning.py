"""Give methods the hyperparameters tuned for each task (``benchmarks/search.py``)."""

from __future__ import annotations

import functools
import importlib.resources
import inspect
import json
from typing import Any

__all__ = ["found_values", "tuned_defaults"]


@functools.cache
def _found() -> dict[str, dict[str, dict[str, Any]]]:
    file = importlib.resources.files("mu_conformance.methods").joinpath("tuned.json")
    return json.loads(file.read_text(encoding="utf-8"))["values"] if file.is_file() else {}


def found_values(method: str, task: str) -> dict[str, Any]:
    """Return the hyperparameters tuned for a method on a task, by name; empty if none were searched for."""
    return dict(_found().get(method, {}).get(task, {}))


def tuned_defaults(method: type) -> type:
    """Decorate a method's class, so that its defaults are the values tuned for the request's task.

    Hyperparameters passed to the class are kept. Where nothing was tuned, the defaults in the signature apply.
    """
    construct, unlearn = method.__init__, method.unlearn  # type: ignore[misc, attr-defined]
    signature = inspect.signature(construct)

    @functools.wraps(construct)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        construct(self, *args, **kwargs)
        self._given = {k: v for k, v in signature.bind(self, *args, **kwargs).arguments.items() if v is not self}

    @functools.wraps(unlearn)
    def unlearn_as_found(self: Any, model: Any, request: Any) -> Any:
        chosen = {**found_values(method.__name__, request.task.name), **self._given}
        return unlearn(self if chosen == self._given else method(**chosen), model, request)

    method.__init__, method.unlearn = __init__, unlearn_as_found  # type: ignore[misc, attr-defined]
    return method
