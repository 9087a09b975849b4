"""List every check on every scenario that a profile asks for: the manifest.

The manifest is the denominator of a judgement, whatever happened to run.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from mu_conformance.checks.catalogue import catalogue
from mu_conformance.decision.outcome import Level
from mu_conformance.evidence.audit import AUDIT, Audit, audit_scenario
from mu_conformance.evidence.base import Evidence
from mu_conformance.evidence.calls import Calls
from mu_conformance.evidence.contract import ContractHarness
from mu_conformance.evidence.coverage import Coverage
from mu_conformance.protocol.claims import Claims
from mu_conformance.scenarios.profiles import Profile
from mu_conformance.scenarios.scenario import Scenario, scenarios
from mu_conformance.tasks import Task

__all__ = ["CONTRACT", "Entry", "claimed", "contract_scenario", "entries", "manifest_digest", "required"]

CONTRACT = "contract"


@dataclasses.dataclass(frozen=True, order=True)
class Entry:
    """Name one check on one scenario."""

    task: str
    """Name of the task."""
    scenario: str
    """Name of the scenario."""
    check: str
    """Id of the check."""
    modality: str
    """Modality of the task."""
    kind: str
    """Kind of the scenario's forget set, or ``contract`` or ``audit``."""
    ratio: float = 0.0
    """Share of the training rows to forget, in [0, 1]; 0 for contract requests."""
    features: tuple[str, ...] = ()
    """Features of the task (``Task.features``), sorted."""

    @property
    def key(self) -> tuple[str, str]:
        """Return the check and the scenario, which identify the entry."""
        return self.check, self.scenario

    def to_json(self) -> dict[str, Any]:
        """Return the entry as plain JSON data."""
        return {**dataclasses.asdict(self), "features": list(self.features)}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Entry:
        """Read an entry written by ``to_json``."""
        return cls(**{**record, "features": tuple(record["features"])})


def contract_scenario(task: Task) -> str:
    """Return the name of a task's contract requests, such as ``sentiment/contract``."""
    return f"{task.name}/{CONTRACT}{task.conditions.suffix}"


def _features(task: Task) -> tuple[str, ...]:
    return tuple(sorted(task.features))


def _contract_entries(task: Task) -> list[Entry]:
    subjects = (Calls, ContractHarness, Coverage)
    return [
        Entry(task.name, contract_scenario(task), check.id, task.modality, CONTRACT, features=_features(task))
        for check in catalogue().values()
        if check.subject in subjects and check.applies_to(task, CONTRACT)
    ]


def _scenario_entries(scenario: Scenario) -> list[Entry]:
    task = scenario.task
    # A check with requests of its own asks for one row too, whatever the scenario's ratio.
    smallest = 1 / len(task.splits.train)
    return [
        Entry(
            task.name,
            scenario.name,
            check.id,
            task.modality,
            scenario.kind,
            smallest if check.own_requests else scenario.actual_ratio,
            _features(task),
        )
        for check in catalogue().values()
        if check.subject in (Evidence, Calls) and check.applies_to(task, scenario.kind)
    ]


def _audit_entries(task: Task, profile: Profile) -> list[Entry]:
    if not profile.audit_models or "random" not in task.forget_sets:
        return []
    # The ratio is halved, because each model unlearns about half of the targets.
    return [
        Entry(
            task.name,
            audit_scenario(task, profile.ratio),
            check.id,
            task.modality,
            AUDIT,
            profile.ratio / 2,
            _features(task),
        )
        for check in catalogue().values()
        if check.subject is Audit and check.applies_to(task, AUDIT)
    ]


def entries(task: Task, profile: Profile, seed: int, architecture: str | None = None) -> list[Entry]:
    """Return the entries that a profile asks of one task, contract first and audit last."""
    found = _contract_entries(task)
    for scenario in scenarios(task, profile, seed, architecture):
        found += _scenario_entries(scenario)
    return found + _audit_entries(task, profile)


def claimed(entry: Entry, claims: Claims) -> bool:
    """Return whether the claims ask for an entry.

    They always ask for ``contract.claims``, because claiming nothing must not pass.
    """
    check = catalogue()[entry.check]
    if check.subject is Coverage:
        return True
    return (
        claims.covers(entry.task, entry.modality, entry.features)
        and entry.ratio <= claims.max_ratio + 1e-9
        and check.required_by(claims)
    )


def required(entry: Entry, claims: Claims, *, strict: bool = False) -> bool:
    """Return whether an entry decides conformance: a claimed entry, of level MUST or in a strict run."""
    return claimed(entry, claims) and (strict or catalogue()[entry.check].level is Level.MUST)


def manifest_digest(manifest: Iterable[Entry]) -> str:
    """Return the SHA-256 of the entries, in hexadecimal.

    Two scorecards with the same digest answer the same questions.
    """
    listed = sorted([entry.check, entry.scenario] for entry in manifest)
    return hashlib.sha256(json.dumps(listed).encode()).hexdigest()
