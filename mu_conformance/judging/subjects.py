"""How each kind of subject that a check looks at is had from a session."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Protocol

from mu_conformance.checks import manifest
from mu_conformance.checks.catalogue import Check
from mu_conformance.decision.finding import Finding
from mu_conformance.evidence.audit import Audit
from mu_conformance.evidence.base import Evidence
from mu_conformance.evidence.calls import Calls
from mu_conformance.evidence.contract import ContractHarness, ContractRequest
from mu_conformance.evidence.coverage import Coverage
from mu_conformance.protocol.claims import Claims
from mu_conformance.scenarios.profiles import Profile

__all__ = ["Source", "judge_entry"]


class Source(Protocol):
    """What subjects are had from: a session."""

    @property
    def claims(self) -> Claims: ...

    @property
    def described_claims(self) -> Claims: ...

    @property
    def profile(self) -> Profile: ...

    def evidence(self, task: str, scenario: str) -> Evidence: ...

    def harness(self, task: str) -> ContractHarness: ...

    def audit(self, task: str) -> Audit: ...

    def coverage(self) -> Coverage: ...


def _evidence(session: Source, check: Check, entry: manifest.Entry) -> Finding:
    return check.function(session.evidence(entry.task, entry.scenario))


def _harness(session: Source, check: Check, entry: manifest.Entry) -> Finding:
    return check.function(session.harness(entry.task))


def _audit(session: Source, check: Check, entry: manifest.Entry) -> Finding:
    return check.function(session.audit(entry.task))


def _coverage(session: Source, check: Check, entry: manifest.Entry) -> Finding:
    return check.function(session.coverage())


def _calls(session: Source, check: Check, entry: manifest.Entry) -> Finding:
    """Judge the calls of a scenario's first look; of the contract, those on requests drawn by Hypothesis."""
    if entry.kind != manifest.CONTRACT:
        runs = session.evidence(entry.task, entry.scenario).records(session.profile.looks[0])
        calls = tuple(record for run in runs for record in run.records)
        return check.function(Calls(calls, session.claims, entry.scenario, session.described_claims))
    harness = session.harness(entry.task)

    def judge(request: ContractRequest) -> Finding:
        twice = [harness.call(dataclasses.replace(request, ambient_seed=ambient)) for ambient in (1, 2)]
        where = f"{harness.where}, {harness.described(request)}"
        return check.function(Calls(tuple(twice), session.claims, where, session.described_claims))

    return harness.for_any_request(judge)


_HAD: dict[type, Callable[[Source, Check, manifest.Entry], Finding]] = {
    Evidence: _evidence,
    Calls: _calls,
    ContractHarness: _harness,
    Audit: _audit,
    Coverage: _coverage,
}


def judge_entry(session: Source, check: Check, entry: manifest.Entry) -> Finding:
    """Return the finding of a check on an entry, with the subject that the check asks for."""
    return _HAD[check.subject](session, check, entry)
