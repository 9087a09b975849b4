"""Describe how an original is trained."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

__all__ = ["BudgetedRecipe", "Overrides", "TrainingRecipe", "overrides"]

Overrides = tuple[tuple[str, Any], ...]
"""Fields of a recipe that replace a task's own, by name, sorted."""


@dataclasses.dataclass(frozen=True)
class TrainingRecipe:
    """Describes how the original was trained, with AdamW; retraining is the same recipe on the retain set.

    Raises ``ValueError`` for a value outside its range or an unknown schedule.
    """

    epochs: int
    """Passes over the training rows, at least 1."""
    batch_size: int
    """Largest number of rows of a batch, at least 1."""
    learning_rate: float
    """Peak learning rate, above 0."""
    weight_decay: float = 0.01
    """AdamW's weight decay."""
    schedule: str = "linear"
    """Course of the learning rate after warm-up: ``linear`` falls to 0, ``constant`` stays."""
    warmup: float = 0.0
    """Share of all steps, in [0, 1), over which the learning rate rises linearly."""
    gradient_clip: float | None = None
    """Largest norm of the gradient; None: no limit."""

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.batch_size < 1 or not 0 < self.learning_rate < float("inf"):
            raise ValueError(f"a training recipe needs positive epochs, batch size and learning rate: {self}")
        if not 0 <= self.warmup < 1:
            raise ValueError(f"a training recipe's warmup must lie in [0, 1), got {self.warmup}")
        if self.schedule not in ("linear", "constant"):
            raise ValueError(f"unknown schedule {self.schedule!r}; the schedules are linear, constant")

    def rate(self, step: int, total: int) -> float:
        """Return the learning rate of step ``step`` (counted from 0) of ``total``."""
        warm = int(self.warmup * total)
        if step < warm:
            return self.learning_rate * (step + 1) / warm
        return self.learning_rate * ((total - step) / (total - warm) if self.schedule == "linear" else 1.0)

    def within_budget(self) -> BudgetedRecipe:
        """Return this recipe, shortened to the steps that fit into a budget of FLOPs."""
        return BudgetedRecipe(**dataclasses.asdict(self))

    def fine_tuning(self, epochs_share: float, learning_rate_share: float) -> BudgetedRecipe:
        """Return the recipe for fine-tuning a trained model, without warm-up.

        The learning rate falls to 0 where the recipe's does, as in transformers' Trainer. A constant rate would leave
        every model at a random distance from where it was heading.

        Args:
            epochs_share: share of the recipe's epochs; the result is rounded and at least one epoch.
            learning_rate_share: share of the recipe's learning rate.
        """
        return dataclasses.replace(
            self.within_budget(),
            epochs=max(1, round(epochs_share * self.epochs)),
            learning_rate=learning_rate_share * self.learning_rate,
            warmup=0.0,
        )

    def for_forget_set(
        self, epochs: int, learning_rate_share: float, schedule: str | None = None, gradient_clip: float | None = 1.0
    ) -> BudgetedRecipe:
        """Return the recipe for passes over the forget set.

        Warm-up is left out. Weight decay is left out too, because the loss of a few rows cannot hold the weights
        against it.

        Args:
            epochs: passes over the forget set.
            learning_rate_share: share of the recipe's learning rate.
            schedule: course of the learning rate; None: the recipe's.
            gradient_clip: largest norm of the gradient; None: no limit.
        """
        return dataclasses.replace(
            self.within_budget(),
            epochs=epochs,
            learning_rate=learning_rate_share * self.learning_rate,
            weight_decay=0.0,
            schedule=schedule or self.schedule,
            warmup=0.0,
            gradient_clip=gradient_clip,
        )

    def steps(self, rows: int) -> int:
        """Return the number of optimiser steps taken over ``rows`` training rows."""
        return self.epochs * -(-rows // self.batch_size)


class BudgetedRecipe(TrainingRecipe):
    """Marks a recipe that ``training.loop.descend`` shortens to the steps that fit into a budget of FLOPs.

    The learning rate's schedule is shortened with it. Retraining must run to the end, so ``request.recipe`` is never
    shortened.
    """


_KINDS = {"epochs": int, "batch_size": int, "schedule": str}
"""Kinds of the fields that are no numbers with a fraction."""


def overrides(given: TrainingRecipe | Mapping[str, Any] | str) -> Overrides:
    """Return the fields that a recipe sets: all of a ``TrainingRecipe``'s, or those of a mapping or a text.

    A text is like ``epochs=30,learning_rate=0.01``. Raises ``ValueError`` for an unknown field or a bad value.
    """
    if isinstance(given, TrainingRecipe):
        found: dict[str, Any] = dataclasses.asdict(given)
    elif isinstance(given, str):
        pairs = [part.partition("=") for part in given.split(",")]
        found = {name.strip(): value.strip() for name, _, value in pairs}
    elif isinstance(given, Mapping):
        found = dict(given)
    else:
        raise ValueError(f"a recipe is a TrainingRecipe or a dict of its fields, got {type(given).__name__}")
    names = [field.name for field in dataclasses.fields(TrainingRecipe)]
    read: dict[str, Any] = {}
    for name, value in found.items():
        if name not in names:
            raise ValueError(f"a recipe has no {name!r}; its fields are {', '.join(names)}")
        try:
            none = name == "gradient_clip" and value in (None, "None", "none")
            read[name] = None if none else _KINDS.get(name, float)(value)
        except (TypeError, ValueError):
            raise ValueError(f"a recipe's {name} cannot be {value!r}") from None
    # The values are checked together with fields that are known to be good.
    dataclasses.replace(TrainingRecipe(epochs=1, batch_size=1, learning_rate=1.0), **read)
    return tuple(sorted(read.items()))
