"""Describe what a method's author promises."""

from __future__ import annotations

import dataclasses
import enum
import math
from collections.abc import Iterable, Mapping
from typing import Any, TypeGuard

__all__ = ["Claims", "Guarantee"]


class Guarantee(enum.StrEnum):
    """Names how strong a claim is, weakest first."""

    SUPPRESSION = "suppression"
    RETRAIN_EQUIVALENT = "retrain_equivalent"
    EPSILON_DELTA = "epsilon_delta"
    EXACT = "exact"


def _is_number(value: Any) -> TypeGuard[float]:
    """Return whether a value is a finite real number and no truth value."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


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
        if not _is_number(self.max_ratio) or not 0 < self.max_ratio <= 1:
            raise ValueError(f"claims.max_ratio must lie in (0, 1], got {self.max_ratio!r}")
        self._check_epsilon_delta()

    def _check_epsilon_delta(self) -> None:
        """Raise ``ValueError`` unless epsilon and delta make sense, and go with the guarantee ``epsilon_delta`` alone.

        An epsilon beside another guarantee, or one that is no number, would be a promise that no check can break.
        """
        given = [name for name in ("epsilon", "delta") if getattr(self, name) is not None]
        if self.guarantee != Guarantee.EPSILON_DELTA:
            if given:
                raise ValueError(
                    f"claims.{given[0]} goes with the guarantee epsilon_delta alone; the guarantee is {self.guarantee}"
                )
            return
        if len(given) < 2:
            raise ValueError("the guarantee epsilon_delta needs claims.epsilon and claims.delta")
        if not _is_number(self.epsilon) or self.epsilon < 0:
            raise ValueError(f"claims.epsilon must be a finite number of at least 0, got {self.epsilon!r}")
        if not _is_number(self.delta) or not 0 <= self.delta < 1:
            raise ValueError(f"claims.delta must lie in [0, 1), got {self.delta!r}")

    def weakened(self, guarantee: Guarantee) -> Claims:
        """Return the same claims with another guarantee, whose numbers are kept if it has any."""
        if guarantee is Guarantee.EPSILON_DELTA:
            return dataclasses.replace(self, guarantee=guarantee)
        return dataclasses.replace(self, guarantee=guarantee, epsilon=None, delta=None)

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
