"""The scorecard as a typed document, and its canonical form ``scorecard.json``."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from mu_conformance.decision.finding import UNVERIFIED, Measurement, plain
from mu_conformance.decision.outcome import Fault, Level, Outcome

__all__ = [
    "SCHEMA",
    "Check",
    "Document",
    "FamilyDistance",
    "ScorecardError",
    "Verdict",
    "make_writable",
    "put_back",
    "read_json",
    "set_aside",
    "write",
]

SCHEMA = "mu-conformance/scorecard/1"


class ScorecardError(ValueError):
    """A scorecard that cannot be read or does not add up; the message says where."""


@dataclasses.dataclass(frozen=True)
class Check:
    """One entry of the manifest: a check on a scenario, and its result."""

    id: str
    task: str
    modality: str
    scenario: str
    kind: str
    """Kind of forget set, ``contract`` or ``audit``."""
    ratio: float
    """Share of the training rows that the largest request names."""
    features: tuple[str, ...]
    """Features of the task."""
    outcome: Outcome
    required: bool
    """Whether the claims and the level of the check require it."""
    level: Level = Level.MUST
    """Level of the check; of a failure, the level of what failed."""
    fault: Fault | None = None
    """Who is at fault where the outcome is ``error``."""
    duration_s: float = 0.0
    """Wall seconds that judging took."""
    message: str = ""
    """What is wrong and the likely cause; empty when passed."""
    measurements: tuple[Measurement, ...] = ()
    reproduce: str = ""
    """A command that judges this entry again."""
    traceback: str = ""
    """The whole traceback, where an exception is why nothing could be decided."""

    @property
    def family(self) -> str:
        return self.id.partition(".")[0]

    @property
    def unverified(self) -> bool:
        """Whether this would have passed, but was not measured from outside."""
        return self.outcome is Outcome.INCONCLUSIVE and self.message.startswith(UNVERIFIED)

    @property
    def recommendation(self) -> bool:
        """Whether this went wrong at level SHOULD through the method: reported, and decides nothing unless strict."""
        broken = self.outcome is Outcome.ERROR and self.fault is Fault.METHOD
        return self.level is Level.SHOULD and (self.outcome is Outcome.FAILED or broken or self.unverified)

    def to_json(self) -> dict[str, Any]:
        record = {
            "id": self.id,
            "task": self.task,
            "modality": self.modality,
            "scenario": self.scenario,
            "kind": self.kind,
            "ratio": self.ratio,
            "features": list(self.features),
            "outcome": str(self.outcome),
            "level": str(self.level),
            "required": self.required,
            "duration_s": round(self.duration_s, 3),
            "message": self.message,
            "measurements": [measurement.to_json() for measurement in self.measurements],
            "reproduce": self.reproduce,
        }
        if self.fault is not None:
            record["fault"] = str(self.fault)
        if self.traceback:
            record["traceback"] = self.traceback
        return record

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Check:
        """Read what ``to_json`` wrote; keys of later versions are ignored, keys of earlier ones have defaults."""
        outcome, fault = Outcome(record["outcome"]), record.get("fault")
        if outcome is Outcome.ERROR and fault is None:
            # Scorecards without the key blamed every error on the method.
            fault = Fault.METHOD
        return cls(
            id=record["id"],
            task=record["task"],
            modality=record["modality"],
            scenario=record["scenario"],
            kind=record["kind"],
            ratio=record["ratio"],
            features=tuple(record["features"]),
            outcome=outcome,
            required=record["required"],
            level=Level(record.get("level", Level.MUST)),
            fault=None if fault is None else Fault(fault),
            duration_s=record["duration_s"],
            message=record["message"],
            measurements=tuple(map(Measurement.from_json, record["measurements"])),
            reproduce=record["reproduce"],
            traceback=str(record.get("traceback", "")),
        )


@dataclasses.dataclass(frozen=True)
class FamilyDistance:
    """How far a family's decided measurements lie from retraining, in margins: 1 is the edge."""

    median: float
    worst: float
    check: str
    """The check with the worst distance."""
    scenario: str

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> FamilyDistance:
        median, worst = (math.nan if record[key] is None else record[key] for key in ("median", "worst"))
        return cls(median, worst, record["check"], record["scenario"])


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What the checks say together."""

    status: str
    """``conformant``, ``conformant_with_waivers``, ``nonconformant`` or ``incomplete``."""
    guarantee: str
    """The guarantee that was claimed."""
    scope: tuple[str, ...]
    """Tasks on which anything was required."""
    required: int
    passed: int
    not_passed: tuple[str, ...]
    """Ids of the required checks that did not pass, one for each scenario."""
    supports: str | None = None
    """The strongest guarantee, no stronger than the claim, all of whose required checks passed."""
    distance: Mapping[str, FamilyDistance] = dataclasses.field(default_factory=dict)
    """By family."""
    recommendations: tuple[Mapping[str, str], ...] = ()
    """Failures at level SHOULD that decide nothing: ``id``, ``scenario``, ``message``."""

    def to_json(self) -> dict[str, Any]:
        return {
            "status": self.status,
            "guarantee": self.guarantee,
            "scope": list(self.scope),
            "required": self.required,
            "passed": self.passed,
            "not_passed": list(self.not_passed),
            "supports": self.supports,
            "distance": {family: dataclasses.asdict(found) for family, found in self.distance.items()},
            "recommendations": [dict(found) for found in self.recommendations],
        }

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Verdict:
        return cls(
            status=record["status"],
            guarantee=record["guarantee"],
            scope=tuple(record["scope"]),
            required=record["required"],
            passed=record["passed"],
            not_passed=tuple(record["not_passed"]),
            supports=record.get("supports"),
            distance={name: FamilyDistance.from_json(found) for name, found in record.get("distance", {}).items()},
            recommendations=tuple(record.get("recommendations", ())),
        )


@dataclasses.dataclass(frozen=True)
class Document:
    """The result of judging one method, as plain data. ``Scorecard`` adds what is made of it."""

    suite: Mapping[str, Any]
    """Version, profile, seed, power, known error rates and digests of the suite."""
    method: Mapping[str, Any]
    """Reference, version, digest and claims of the method."""
    environment: Mapping[str, Any]
    """Versions and machine."""
    invocation: Mapping[str, Any]
    """Arguments, plugins, conftests and where the time went."""
    verdict: Verdict
    checks: tuple[Check, ...]
    """Every entry of the manifest, judged or not."""
    waivers: tuple[Mapping[str, Any], ...] = ()
    generated_at: str = ""
    complete: bool = True
    """Whether every entry of the manifest has an outcome."""

    def failures(self) -> list[Check]:
        """Return the required checks that did not pass, undecided ones included and recommendations not."""
        good = (Outcome.PASSED, Outcome.WAIVED)
        return [
            check
            for check in self.checks
            if check.required and check.outcome not in good and not self.recommended(check)
        ]

    def recommended(self, check: Check) -> bool:
        """Return whether a check is a recommendation of this run: strict runs have none."""
        return check.recommendation and not self.suite.get("strict", False)

    def distance(self, family: str | None = None) -> float | None:
        """Return the worst distance of a family from retraining, in margins, or of all families; None without any."""
        found = self.verdict.distance.items()
        return max((one.worst for name, one in found if family in (None, name)), default=None)

    def to_json(self) -> dict[str, Any]:
        """Return the canonical document as plain JSON; ``complete`` is its last key."""
        return plain(
            {
                "schema": SCHEMA,
                "generated_at": self.generated_at,
                "suite": dict(self.suite),
                "method": dict(self.method),
                "environment": dict(self.environment),
                "invocation": dict(self.invocation),
                "verdict": self.verdict.to_json(),
                "checks": [check.to_json() for check in self.checks],
                "waivers": [dict(waiver) for waiver in self.waivers],
                "complete": self.complete,
            }
        )

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """Read a document of this schema; unknown keys are ignored. Raises ``ScorecardError`` if it is malformed."""
        try:
            return cls(
                suite=_mapping(document, "suite"),
                method=_mapping(document, "method"),
                environment=_mapping(document, "environment"),
                invocation=_mapping(document, "invocation"),
                verdict=Verdict.from_json(document["verdict"]),
                checks=tuple(map(Check.from_json, document["checks"])),
                waivers=tuple(document["waivers"]),
                generated_at=str(document["generated_at"]),
                complete=document["complete"] is True,
            )
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            raise ScorecardError(f"malformed ({type(error).__name__}: {error})") from None


def _mapping(document: Mapping[str, Any], key: str) -> dict[str, Any]:
    if not isinstance(document[key], dict):
        raise TypeError(f"{key} is no object")
    return dict(document[key])


def write(scorecard: Document, path: Path) -> None:
    """Write atomically; ``complete`` is the document's last key, so a truncated file is invalid."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text(json.dumps(scorecard.to_json(), indent=1, allow_nan=False) + "\n", encoding="utf-8")
    os.replace(partial, path)


def make_writable(folder: Path) -> None:
    """Make a report folder now: finding out at the end of a run that it cannot be written would lose the run.

    Raises ``ScorecardError`` with the reason.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ScorecardError(f"the report folder {folder} cannot be written: {error.strerror}") from None


def set_aside(folder: Path) -> bool:
    """Rename the folder's scorecard to ``scorecard.previous.json``; return whether there was one.

    A run that is killed then leaves no scorecard that looks like its own.
    """
    try:
        os.replace(folder / "scorecard.json", folder / "scorecard.previous.json")
    except FileNotFoundError:
        return False
    return True


def put_back(folder: Path, ref: str) -> None:
    """Undo ``set_aside`` after a run that made no whole scorecard, unless the earlier one is of another method."""
    previous = folder / "scorecard.previous.json"
    with contextlib.suppress(OSError, ScorecardError, KeyError):
        if read_json(previous)["method"]["ref"] == ref:
            os.replace(previous, folder / "scorecard.json")


def read_json(path: Path) -> dict[str, Any]:
    """Read a scorecard as plain JSON; raise ``ScorecardError`` if it is missing, truncated or of another schema."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ScorecardError(f"scorecard {path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise ScorecardError(f"scorecard {path} is not valid JSON ({error}); was the run cut off?") from None
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise ScorecardError(f"{path} is not a scorecard of schema {SCHEMA}")
    if not isinstance(document.get("complete"), bool):
        raise ScorecardError(f"scorecard {path} is incomplete: it was not written to its end")
    return document
