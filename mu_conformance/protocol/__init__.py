"""The protocol between the suite and a method: what a method is handed, and what it promises.

A method is anything with ``unlearn(model, request) -> model``::

    class MyUnlearner:
        claims = Claims(needs_retain=False)

        def unlearn(self, model, request):
            ...
            return model
"""

from __future__ import annotations

import contextlib
import dataclasses
import enum
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    import torch
    from torch import nn

    from mu_conformance.tasks import RequestTask

__all__ = ["Budget", "Claims", "DeletionRequest", "Guarantee", "ShortenedRecipe", "TrainingRecipe", "Unlearner"]


class Guarantee(enum.StrEnum):
    """What a method's author promises, weakest first."""

    SUPPRESSION = "suppression"
    RETRAIN_EQUIVALENT = "retrain_equivalent"
    EPSILON_DELTA = "epsilon_delta"
    EXACT = "exact"


_STRENGTH = {guarantee: strength for strength, guarantee in enumerate(Guarantee)}


@dataclasses.dataclass(frozen=True)
class Claims:
    """What a method's author says that it achieves; decides which checks are required.

    ``tasks`` and ``modalities`` are ``None`` for "all of them"; an empty tuple claims none. ``requires`` names features
    that a task must have for the method to be defined on it (``Task.features``: ``classes``, for one). ``max_ratio`` is the
    largest share of the training rows, in (0, 1], that one request may name. A method that says it does not need the
    retain set, or the labels, is not given them.

    Raises ``ValueError`` for a ratio outside (0, 1], an unknown guarantee, or ``epsilon_delta`` without its numbers.
    """

    guarantee: Guarantee | str = Guarantee.RETRAIN_EQUIVALENT
    tasks: tuple[str, ...] | None = None
    modalities: tuple[str, ...] | None = None
    requires: tuple[str, ...] = ()
    max_ratio: float = 0.10
    needs_retain: bool = True
    reads_labels: bool = True
    deterministic: bool = True
    in_place: bool = False
    epsilon: float | None = None
    delta: float | None = None

    def __post_init__(self) -> None:
        try:
            object.__setattr__(self, "guarantee", Guarantee(self.guarantee))
        except ValueError:
            known = ", ".join(Guarantee)
            raise ValueError(f"unknown guarantee {self.guarantee!r}; the guarantees are {known}") from None
        for name in ("tasks", "modalities", "requires"):
            value = getattr(self, name)
            if isinstance(value, str):
                raise ValueError(f"claims.{name} must be a tuple of names, not the string {value!r}")
            if value is not None:
                object.__setattr__(self, name, tuple(value))
        if not 0 < self.max_ratio <= 1:
            raise ValueError(f"claims.max_ratio must lie in (0, 1], got {self.max_ratio!r}")
        if self.guarantee == Guarantee.EPSILON_DELTA and (self.epsilon is None or self.delta is None):
            raise ValueError("the guarantee epsilon_delta needs claims.epsilon and claims.delta")

    def at_least(self, guarantee: Guarantee) -> bool:
        """Whether this claim is as strong as ``guarantee`` or stronger."""
        return _STRENGTH[Guarantee(self.guarantee)] >= _STRENGTH[guarantee]

    def covers(self, task: str, modality: str, features: Iterable[str] = ()) -> bool:
        """Whether the claim covers a task with these features (the deletion ratio aside)."""
        return (
            (self.tasks is None or task in self.tasks)
            and (self.modalities is None or modality in self.modalities)
            and set(self.requires) <= set(features)
        )

    def to_json(self) -> dict[str, Any]:
        record = dataclasses.asdict(self)
        record["guarantee"] = str(self.guarantee)
        return {key: list(value) if isinstance(value, tuple) else value for key, value in record.items()}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Claims:
        known = {field.name for field in dataclasses.fields(cls)}
        values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in record.items() if k in known}
        return cls(**values)


@dataclasses.dataclass(frozen=True)
class Budget:
    """The most that one call may use: seconds of wall time, rows drawn from the handed datasets, FLOPs.

    ``None`` leaves that resource free. Seconds and FLOPs are enforced (the call is stopped); the rows are checked
    afterwards by ``contract.budget-respected``. FLOPs are those of torch's matrix products, convolutions and attention.
    """

    seconds: float | None = None
    examples: int | None = None
    flops: float | None = None


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

    def shortened(self) -> ShortenedRecipe:
        """This recipe, with fewer steps where a budget of FLOPs has no room for all of them."""
        return ShortenedRecipe(**dataclasses.asdict(self))

    def further(self, epochs_share: float, learning_rate_share: float) -> ShortenedRecipe:
        """The recipe for training on: a share of the epochs (one at least) and of the learning rate, no warm-up.

        The rate falls to 0 where the recipe's does, as in transformers' Trainer: held constant it leaves every model at
        a random distance from where it was going.
        """
        return dataclasses.replace(
            self.shortened(),
            epochs=max(1, round(epochs_share * self.epochs)),
            learning_rate=learning_rate_share * self.learning_rate,
            warmup=0.0,
        )

    def over_forget_set(
        self, epochs: int, learning_rate_share: float, schedule: str | None = None, gradient_clip: float | None = 1.0
    ) -> ShortenedRecipe:
        """The recipe for so many passes over the forget set, at a share of the learning rate.

        Without weight decay, which the loss of a few rows does not hold up against, and without warm-up.
        """
        return dataclasses.replace(
            self.shortened(),
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


class ShortenedRecipe(TrainingRecipe):
    """A recipe of which ``training.descend`` takes no more steps than a budget of FLOPs has room for.

    The schedule is then as long as those. Retraining is no retraining without the last of its steps, so its recipe is none.
    """


@dataclasses.dataclass(frozen=True)
class DeletionRequest:
    """What a method is handed with the original model.

    ``forget`` and ``retain`` are map-style datasets of dicts of tensors (``retain`` is ``None`` for a method that
    claims not to need it). ``task`` gives ``loss(model, batch)``, ``collate``, ``loader(...)`` and
    ``new_model(seed)``. The result must depend on ``seed`` alone, never on the process's global random state.
    """

    forget: Any
    retain: Any | None
    task: RequestTask
    recipe: TrainingRecipe
    seed: int
    device: torch.device
    budget: Budget

    @contextlib.contextmanager
    def seeded(self) -> Iterator[torch.Generator]:
        """Seed every global generator from ``seed`` inside the block, restore them after it.

        Yields a ``torch.Generator`` with the same seed, for loaders.
        """
        from mu_conformance.protocol.seeding import seeded

        with seeded(self.seed) as generator:
            yield generator


@runtime_checkable
class Unlearner(Protocol):
    """The protocol: an optional attribute ``claims`` and this one method."""

    def unlearn(self, model: nn.Module, request: DeletionRequest) -> nn.Module:
        """Return a model of the same architecture that has forgotten ``request.forget``."""
        ...
