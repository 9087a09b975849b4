"""The record of a judgement: what is known of the run, and each finding with what it rests on."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from typing import Any

from mu_conformance.checks.catalogue import find_check
from mu_conformance.checks.manifest import Entry
from mu_conformance.decision.finding import Measurement
from mu_conformance.decision.outcome import Fault, Level, Outcome
from mu_conformance.protocol.claims import Claims
from mu_conformance.scenarios.profiles import Profile
from mu_conformance.scorecard.document import ScorecardError

__all__ = ["Context", "Judged", "Record"]


@dataclasses.dataclass(frozen=True)
class Judged:
    """One finding, and what came up while it was made."""

    entry: Entry
    finding: Mapping[str, Any]
    """``Finding.to_json()``, before waivers."""
    duration_s: float = 0.0
    """Wall seconds."""
    power: Mapping[str, Any] | None = None
    """The scenario's sharpest measure and its separation, where a check needed them."""
    artefacts: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Content digests, by address, of stored artefacts used for the first time."""
    provenance: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """What the task rests on besides this package."""
    seconds: Mapping[str, float] = dataclasses.field(default_factory=dict)
    """Where the time went, by part."""

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Judged:
        made = cls(**{**record, "entry": Entry.from_json(record["entry"])})
        # A record from a file may hold anything: what a scorecard needs of it is read once here.
        find_check(made.entry.check)
        Outcome(made.finding["outcome"])
        Level(made.finding.get("level") or Level.MUST)
        Fault(made.finding.get("fault") or Fault.SUITE)
        if not isinstance(made.finding["message"], str):
            raise TypeError("message")
        for measurement in made.finding["measurements"]:
            Measurement.from_json(measurement)
        sum(made.seconds.values(), float(made.duration_s))
        return made


@dataclasses.dataclass(frozen=True)
class Context:
    """What a scorecard says besides its findings. Plain data, so that a journal can hold it."""

    method: Mapping[str, Any]
    """Reference, distribution, version and digests of the method."""
    claims: Claims
    profile: Profile
    suite: Mapping[str, Any]
    """Seed, data, isolation: what was chosen of the suite."""
    environment: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    invocation: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    strict: bool = False
    """Whether SHOULD checks are required."""
    studied: bool = True
    """Whether the measured error rates apply: embedded data, no condition, the default architecture."""
    reproduce_options: str = ""
    """Options that judge the same thing again."""
    paths: str = ""
    """The suites, where they are not the packaged ones."""
    waivers: tuple[Mapping[str, str], ...] = ()
    """Known failures, as plain data."""

    def to_json(self) -> dict[str, Any]:
        return {
            **dataclasses.asdict(self),
            "waivers": [dict(waiver) for waiver in self.waivers],
            "claims": self.claims.to_json(),
            "profile": dataclasses.asdict(self.profile),
        }

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Context:
        profile = {**record["profile"], "looks": tuple(record["profile"]["looks"])}
        claims, waivers = Claims.from_json(record["claims"]), tuple(record.get("waivers", ()))
        return cls(**{**record, "claims": claims, "profile": Profile(**profile), "waivers": waivers})


class Record:
    """The manifest's entries and the findings of one method."""

    def __init__(self) -> None:
        self.entries: dict[str, list[Entry]] = {}
        """By task."""
        self.judged: dict[tuple[str, str], Judged] = {}
        """By check and scenario."""

    def add_entries(self, task: str, entries: list[Entry]) -> None:
        """Take a task's part of the manifest.

        Raises ``ScorecardError`` if the record has another part of that task: the task is not what it was.
        """
        if self.entries.setdefault(task, entries) != entries:
            raise ScorecardError(
                f"task {task} is not what it was when the journal was written: its manifest differs; "
                "run without --mu-resume"
            )

    def add(self, judged: Judged) -> None:
        """Take a finding."""
        self.judged[judged.entry.key] = judged

    def drop_faults_of_the_suite(self) -> None:
        """Discard findings that the suite's own fault left undecided: a resumed run judges them again."""
        for key, one in list(self.judged.items()):
            if one.finding.get("fault") == Fault.SUITE:
                del self.judged[key]

    @property
    def power(self) -> list[dict[str, Any]]:
        """Power of each scenario where a check needed it, by name."""
        found = {one.entry.scenario: one.power for one in self.judged.values() if one.power is not None}
        return [{"scenario": scenario, **power} for scenario, power in sorted(found.items())]

    @property
    def provenance(self) -> dict[str, Any]:
        """By task, where there is any."""
        found = {one.entry.task: one.provenance for one in self.judged.values() if one.provenance}
        return dict(sorted(found.items()))

    @property
    def artefacts_sha256(self) -> str:
        """SHA-256 over every artefact that was used; the same however the work was shared out."""
        used: dict[str, str] = {}
        for one in self.judged.values():
            used.update(one.artefacts)
        return hashlib.sha256("".join(f"{key}:{digest};" for key, digest in sorted(used.items())).encode()).hexdigest()

    @property
    def seconds(self) -> dict[str, float]:
        """Where the time went, by part."""
        found: dict[str, float] = {}
        for one in self.judged.values():
            for name, spent in one.seconds.items():
                found[name] = found.get(name, 0.0) + spent
        return {name: round(spent, 2) for name, spent in sorted(found.items())}
