"""Finding: a check's measurements and its outcome on one scenario, as plain data."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from mu_conformance.decision.rule import Interval, Outcome, Sides

__all__ = ["Finding", "Measurement"]


@dataclasses.dataclass(frozen=True)
class Measurement:
    """One number, with its interval and margin (both as differences to the references' mean) where it was decided.

    ``runs`` is the number of training seeds behind ``value``, ``sides`` the departures that count.
    """

    name: str
    value: float
    interval: Interval | None = None
    margin: float | None = None
    original: float | None = None
    references: tuple[float, float, int] | None = None
    runs: int | None = None
    sides: Sides | None = None

    def to_json(self) -> dict[str, Any]:
        record: dict[str, Any] = {"name": self.name, "value": self.value}
        if self.interval is not None:
            record["interval"] = [self.interval.low, self.interval.high]
            record["level"] = self.interval.level
        if self.margin is not None:
            record["margin"] = self.margin
        if self.original is not None:
            record["original"] = self.original
        if self.references is not None:
            mean, sd, n = self.references
            record["references"] = {"mean": mean, "sd": sd, "n": n}
        if self.runs is not None:
            record["runs"] = self.runs
        if self.sides is not None:
            record["sides"] = str(self.sides)
        return plain(record)


@dataclasses.dataclass(frozen=True)
class Finding:
    """What a check found. ``message`` says what is wrong and the likely cause; empty when passed."""

    outcome: Outcome
    message: str = ""
    measurements: tuple[Measurement, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {
            "outcome": str(self.outcome),
            "message": self.message,
            "measurements": [m.to_json() for m in self.measurements],
        }

    @classmethod
    def passed(cls, *measurements: Measurement) -> Finding:
        return cls(Outcome.PASSED, "", measurements)

    @classmethod
    def failed(cls, message: str, *measurements: Measurement) -> Finding:
        return cls(Outcome.FAILED, message, measurements)

    @classmethod
    def error(cls, message: str) -> Finding:
        return cls(Outcome.ERROR, message)


def plain(value: Any) -> Any:
    """Coerce to JSON's builtins; a number that is not finite becomes None. The one place where this is done."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, str):
        # an enum or NumPy string is a str to isinstance, and not to execnet
        return str.__str__(value)
    if isinstance(value, bool) or value is None:
        return value
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return str(value)
