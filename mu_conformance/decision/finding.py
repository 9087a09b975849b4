"""Finding: a check's measurements and its outcome on one scenario, as plain data."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from mu_conformance.decision.interval import Interval
from mu_conformance.decision.outcome import Fault, Level, Outcome, Sides

__all__ = ["UNVERIFIED", "Finding", "Measurement", "Population", "Values", "plain"]

UNVERIFIED = "unverified: "
"""Beginning of the message of a finding that would have passed, but was not measured from outside."""
_DIGITS = 5
"""Significant digits of a single model's value: enough for a plot, and for telling whether two models are one."""


@dataclasses.dataclass(frozen=True)
class Population:
    """The references' values of a statistic, summarised."""

    mean: float
    sd: float
    """Standard deviation over references, with n - 1."""
    n: int
    """How many references there are."""

    @classmethod
    def of(cls, values: np.ndarray) -> Population:
        """Summarise values, float [n], n at least 2."""
        return cls(float(values.mean()), float(values.std(ddof=1)), len(values))


@dataclasses.dataclass(frozen=True)
class Values:
    """The statistic of each single model, to five significant digits: what a plot shows. Nothing is decided on it."""

    runs: tuple[float, ...] = ()
    """Value of each run, in the order of the runs."""
    references: tuple[float, ...] = ()
    """Value of each reference against the others."""
    originals: tuple[float, ...] = ()
    """Value of each original of the first look; run k starts from original k."""

    @classmethod
    def of(cls, runs: np.ndarray, references: np.ndarray, originals: np.ndarray | None = None) -> Values:
        """Round the values, float [n] each."""
        given = (runs, references, () if originals is None else originals)
        return cls(*(tuple(map(_rounded, found)) for found in given))

    def to_json(self) -> dict[str, list[float]]:
        return {name: list(found) for name, found in vars(self).items() if found}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Values:
        """Read what ``to_json`` wrote; a value that was not finite is dropped."""
        names = [field.name for field in dataclasses.fields(cls)]
        return cls(**{name: tuple(float(one) for one in record.get(name, ()) if one is not None) for name in names})


def _number(value: float | None) -> float:
    """Return a number of a file: null stands for one that was not finite."""
    return math.nan if value is None else value


def _finite(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _rounded(value: float) -> float:
    return float(f"{float(value):.{_DIGITS}g}")


@dataclasses.dataclass(frozen=True)
class Measurement:
    """One number. Where it was decided, it has an interval and a margin, both of its difference to the references."""

    name: str
    value: float
    interval: Interval | None = None
    """Confidence interval of ``difference``."""
    margin: float | None = None
    """Largest tolerated ``difference``; of a cost, the largest tolerated value."""
    original: float | None = None
    """Mean over the originals."""
    references: Population | None = None
    runs: int | None = None
    """Training seeds behind ``value``."""
    sides: Sides | None = None
    """Departures that count."""
    key: str | None = None
    """A stable name for programs, where one needs this number; ``name`` is for people and may change."""
    rows: int | None = None
    """Rows of the request, where a check draws requests of its own."""
    values: Values | None = None
    """The same statistic of every single model."""

    @property
    def decided(self) -> bool:
        """Whether the outcome rests on this measurement's interval."""
        return self.interval is not None and self.margin is not None and self.sides is not None

    @property
    def difference(self) -> float | None:
        """The value less the references' mean; None where it was not decided against references."""
        if not self.decided or self.references is None:
            return None
        # A scorecard from elsewhere may hold null or NaN.
        mean = self.references.mean
        return self.value - mean if _finite(self.value) and _finite(mean) else None

    @property
    def distance(self) -> float | None:
        """How far from retraining: the difference of means over the margin, so that 1 is the edge.

        Above 0 towards the original, below 0 beyond the references. Where the original is unknown or equals the
        references, a higher value counts as above 0.
        """
        difference = self.difference
        if difference is None or not _finite(self.margin) or not self.margin or self.references is None:
            return None
        known = self.original is not None and _finite(self.original)
        towards = -1.0 if known and self.original < self.references.mean else 1.0  # type: ignore[operator]
        return towards * difference / self.margin

    @property
    def departure(self) -> float | None:
        """The distance without its sign, on the sides that count: what exceeds 1 lies outside the margin."""
        difference = self.difference
        if difference is None or not _finite(self.margin) or not self.margin or self.sides is None:
            return None
        counted = {Sides.BOTH: abs(difference), Sides.ABOVE: difference, Sides.BELOW: -difference}[self.sides]
        return max(0.0, counted) / self.margin

    def to_json(self) -> dict[str, Any]:
        record: dict[str, Any] = {"name": self.name, "value": self.value}
        if self.key is not None:
            record["key"] = self.key
        if self.interval is not None:
            record["interval"] = [self.interval.low, self.interval.high]
            record["level"] = self.interval.level
        for key in ("margin", "difference", "distance", "original"):
            if getattr(self, key) is not None:
                record[key] = getattr(self, key)
        if self.references is not None:
            record["references"] = dataclasses.asdict(self.references)
        if self.runs is not None:
            record["runs"] = self.runs
        if self.rows is not None:
            record["rows"] = self.rows
        if self.sides is not None:
            record["sides"] = str(self.sides)
        if self.values is not None:
            record["values"] = self.values.to_json()
        return plain(record)

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Measurement:
        """Read what ``to_json`` wrote; unknown keys are ignored."""
        interval, references, sides = record.get("interval"), record.get("references"), record.get("sides")
        return cls(
            name=record["name"],
            value=math.nan if record["value"] is None else record["value"],
            interval=None
            if interval is None
            else Interval(_number(interval[0]), _number(interval[1]), _number(record.get("level"))),
            margin=record.get("margin"),
            original=record.get("original"),
            references=None
            if references is None
            else Population(_number(references["mean"]), _number(references["sd"]), references["n"]),
            runs=record.get("runs"),
            sides=None if sides is None else Sides(sides),
            key=record.get("key"),
            rows=record.get("rows"),
            values=None if record.get("values") is None else Values.from_json(record["values"]),
        )


@dataclasses.dataclass(frozen=True)
class Finding:
    """The result of a check."""

    outcome: Outcome
    message: str = ""
    """What is wrong and the likely cause; empty when passed."""
    measurements: tuple[Measurement, ...] = ()
    fault: Fault | None = None
    """Who is at fault where the outcome is ``error``."""
    level: Level | None = None
    """The level of what failed, where it is another than the check's."""
    traceback: str = ""
    """The whole traceback, where an exception is why nothing could be decided."""

    def to_json(self) -> dict[str, Any]:
        record: dict[str, Any] = {
            "outcome": str(self.outcome),
            "message": self.message,
            "measurements": [m.to_json() for m in self.measurements],
        }
        if self.fault is not None:
            record["fault"] = str(self.fault)
        if self.level is not None:
            record["level"] = str(self.level)
        if self.traceback:
            record["traceback"] = self.traceback
        return record

    @classmethod
    def passed(cls, *measurements: Measurement) -> Finding:
        return cls(Outcome.PASSED, "", measurements)

    @classmethod
    def failed(cls, message: str, *measurements: Measurement, level: Level | None = None) -> Finding:
        return cls(Outcome.FAILED, message, measurements, level=level)

    @classmethod
    def error(cls, message: str, fault: Fault = Fault.SUITE, traceback: str = "") -> Finding:
        """Build the finding of a check that could not be decided."""
        return cls(Outcome.ERROR, message, fault=fault, traceback=traceback)


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
