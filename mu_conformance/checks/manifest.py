"""Manifest: every check on every scenario that a profile asks for. It, and not what happened to run, is the denominator."""

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
    """One check on one scenario. ``kind`` is the scenario's kind of forget set, or ``contract``; ``features`` are the task's."""

    task: str
    scenario: str
    check: str
    modality: str
    kind: str
    ratio: float = 0.0
    features: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[str, str]:
        return self.check, self.scenario

    def to_json(self) -> dict[str, Any]:
        return {**dataclasses.asdict(self), "features": list(self.features)}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Entry:
        return cls(**{**record, "features": tuple(record["features"])})


def contract_scenario(task: Task) -> str:
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
    return [
        Entry(task.name, scenario.name, check.id, task.modality, scenario.kind, scenario.actual_ratio, _features(task))
        for check in catalogue().values()
        if check.subject in (Evidence, Calls) and check.applies_to(task, scenario.kind)
    ]


def _audit_entries(task: Task, profile: Profile) -> list[Entry]:
    if not profile.audit_models or "random" not in task.forget_sets:
        return []
    # of the targets, each model unlearns about half
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
    """What a profile asks of one task."""
    found = _contract_entries(task)
    for scenario in scenarios(task, profile, seed, architecture):
        found += _scenario_entries(scenario)
    return found + _audit_entries(task, profile)


def claimed(entry: Entry, claims: Claims) -> bool:
    """Return whether the claims ask for an entry. ``contract.claims`` always is: claiming nothing must not pass."""
    check = catalogue()[entry.check]
    if check.subject is Coverage:
        return True
    return (
        claims.covers(entry.task, entry.modality, entry.features)
        and entry.ratio <= claims.max_ratio + 1e-9
        and check.required_by(claims)
    )


def required(entry: Entry, claims: Claims, *, strict: bool = False) -> bool:
    """Return whether an entry decides conformance: it is claimed, and its level is MUST or the run is strict."""
    return claimed(entry, claims) and (strict or catalogue()[entry.check].level is Level.MUST)


def manifest_digest(manifest: Iterable[Entry]) -> str:
    """SHA-256 over the entries, so that two scorecards can be seen to answer the same questions."""
    listed = sorted([entry.check, entry.scenario] for entry in manifest)
    return hashlib.sha256(json.dumps(listed).encode()).hexdigest()
