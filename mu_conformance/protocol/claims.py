"""Describe what a method's author promises."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["Claims", "Guarantee"]


class Guarantee(enum.StrEnum):
    """Names how strong a claim is, weakest first."""

    SUPPRESSION = "suppression"
    RETRAIN_EQUIVALENT = "retrain_equivalent"
    EPSILON_DELTA = "epsilon_delta"
    EXACT = "exact"


_STRENGTH = {guarantee: strength for strength, guarantee in enumerate(Guarantee)}


@dataclasses.dataclass(frozen=True)
class Claims:
    """States what a method's author says that it achieves; decides which checks are required.

    Raises ``ValueError`` for a ratio outside (0, 1], an unknown guarantee, a bare string instead of a tuple of names,
    or ``epsilon_delta`` without its numbers.
    """

    guarantee: Guarantee | str = Guarantee.RETRAIN_EQUIVALENT
    """Strength of the claim."""
    tasks: tuple[str, ...] | None = None
    """Names of the tasks covered; None: all, an empty tuple: none."""
    modalities: tuple[str, ...] | None = None
    """Modalities covered; None: all, an empty tuple: none."""
    requires: tuple[str, ...] = ()
    """Features that a task must have for the method to be defined on it (``Task.features``), such as ``classes``."""
    max_ratio: float = 0.10
    """Largest share of the training rows named by one request, in (0, 1]."""
    needs_retain: bool = True
    """True if the method reads the retain set. Otherwise ``request.retain`` is None."""
    reads_labels: bool = True
    """True if the method reads labels. Otherwise the rows are handed over without them."""
    deterministic: bool = True
    """True if the same request and seed give the same result."""
    in_place: bool = False
    """True if the method may change the model that it is handed."""
    epsilon: float | None = None
    """Epsilon of an ``epsilon_delta`` guarantee; None: not claimed."""
    delta: float | None = None
    """Delta of an ``epsilon_delta`` guarantee; None: not claimed."""

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
        """Return whether this claim is as strong as ``guarantee`` or stronger."""
        return _STRENGTH[Guarantee(self.guarantee)] >= _STRENGTH[guarantee]

    def covers(self, task: str, modality: str, features: Iterable[str] = ()) -> bool:
        """Return whether the claim covers a task with these features, the deletion ratio aside."""
        return (
            (self.tasks is None or task in self.tasks)
            and (self.modalities is None or modality in self.modalities)
            and set(self.requires) <= set(features)
        )

    def to_json(self) -> dict[str, Any]:
        """Return the claims as plain JSON."""
        record = dataclasses.asdict(self)
        record["guarantee"] = str(self.guarantee)
        return {key: list(value) if isinstance(value, tuple) else value for key, value in record.items()}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Claims:
        """Return the claims recorded by ``to_json``; unknown keys are ignored."""
        known = {field.name for field in dataclasses.fields(cls)}
        values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in record.items() if k in known}
        return cls(**values)
