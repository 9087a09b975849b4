"""Calls: what contract checks look at, whichever requests the calls were made for."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from mu_conformance.decision.finding import Finding
from mu_conformance.decision.outcome import Fault, Level
from mu_conformance.evidence.call_record import CallRecord
from mu_conformance.protocol.claims import Claims

__all__ = ["Calls", "every_call"]


@dataclasses.dataclass(frozen=True)
class Calls:
    """Calls of one method, at least one; ``where`` says on which requests."""

    records: tuple[CallRecord, ...]
    claims: Claims
    where: str


def every_call(
    calls: Calls,
    fault: Callable[[CallRecord], str | None],
    *,
    needs_model: bool = True,
    level: Level | None = None,
) -> Finding:
    """Passed if ``fault`` finds none in any call. A call that gave nothing to look at is an error, never a pass."""
    if not calls.records:
        return Finding.error(f"no call was made on {calls.where}")
    for number, record in enumerate(calls.records):
        if needs_model and not record.call.returned:
            message = f"call {number} on {calls.where} {record.call.status}: {record.call.message}"
            return Finding.error(message, Fault.METHOD)
        found = fault(record)
        if found:
            return Finding.failed(f"call {number} on {calls.where}: {found}", level=level)
    return Finding.passed()
