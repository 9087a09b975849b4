"""Adapt plain functions and four-argument callables."""

from __future__ import annotations

import copy
from typing import Any

from mu_conformance.discovery import MethodError
from mu_conformance.protocol.claims import Claims
from mu_conformance.protocol.request import DeletionRequest

__all__ = ["FunctionAdapter", "LoadersAdapter"]


class FunctionAdapter:
    """Adapts a plain function ``f(model, request)``."""

    def __init__(self, function: Any) -> None:
        self.function = function
        self.claims = getattr(function, "claims", Claims())

    def unlearn(self, model: Any, request: DeletionRequest) -> Any:
        return self.function(model, request)


class LoadersAdapter(FunctionAdapter):
    """Adapts the four-argument callable of several public repositories and of the NeurIPS 2023 unlearning challenge.

    The validation loader reads a tenth of the retain rows, because a method's process holds no row that was never
    trained on. A callable that returns None is taken to have changed the copy of the original that it was given.
    """

    def unlearn(self, model: Any, request: DeletionRequest) -> Any:
        import torch

        working = copy.deepcopy(model)
        if request.retain is None:
            raise MethodError("a four-argument callable needs the retain set; its claims say needs_retain=False")
        tenth = torch.utils.data.Subset(request.retain, range(0, len(request.retain), 10))
        size = request.recipe.batch_size
        with request.seeded() as generator:
            retain, forget, validation = (
                request.task.loader(rows, size, generator=generator) for rows in (request.retain, request.forget, tenth)
            )
            returned = self.function(working, retain, forget, validation)
        return working if returned is None else returned
