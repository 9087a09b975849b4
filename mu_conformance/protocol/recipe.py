"""How an original was trained."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass

__all__ = ["BudgetedRecipe", "TrainingRecipe"]


@dataclasses.dataclass(frozen=True)
class TrainingRecipe:
    """How the original was trained, with AdamW; retraining is this recipe on the retain set.

    ``warmup`` is the share of all steps, in [0, 1), over which the learning rate rises linearly; then it falls
    linearly to 0, or stays. ``gradient_clip`` bounds the norm of the gradient (None: free).
    """

    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float = 0.01
    schedule: str = "linear"
    warmup: float = 0.0
    gradient_clip: float | None = None

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.batch_size < 1 or not 0 < self.learning_rate < float("inf"):
            raise ValueError(f"a training recipe needs positive epochs, batch size and learning rate: {self}")
        if not 0 <= self.warmup < 1:
            raise ValueError(f"a training recipe's warmup must lie in [0, 1), got {self.warmup}")
        if self.schedule not in ("linear", "constant"):
            raise ValueError(f"unknown schedule {self.schedule!r}; the schedules are linear, constant")

    def rate(self, step: int, total: int) -> float:
        """The learning rate of step ``step`` (from 0) of ``total``."""
        warm = int(self.warmup * total)
        if step < warm:
            return self.learning_rate * (step + 1) / warm
        return self.learning_rate * ((total - step) / (total - warm) if self.schedule == "linear" else 1.0)

    def within_budget(self) -> BudgetedRecipe:
        """This recipe, with fewer steps where a budget of FLOPs has no room for all of them."""
        return BudgetedRecipe(**dataclasses.asdict(self))

    def fine_tuning(self, epochs_share: float, learning_rate_share: float) -> BudgetedRecipe:
        """The recipe for training on: a share of the epochs (one at least) and of the learning rate, no warm-up.

        The rate falls to 0 where the recipe's does, as in transformers' Trainer: held constant it leaves every model at
        a random distance from where it was going.
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
        """The recipe for so many passes over the forget set, at a share of the learning rate.

        Without weight decay, which the loss of a few rows does not hold up against, and without warm-up.
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
        """Optimiser steps that this recipe takes over ``rows`` training rows."""
        return self.epochs * -(-rows // self.batch_size)


class BudgetedRecipe(TrainingRecipe):
    """A recipe of which ``training.descend`` takes no more steps than a budget of FLOPs has room for.

    The schedule is then as long as those. Retraining is no retraining without the last of its steps, so its recipe is
    none.
    """
