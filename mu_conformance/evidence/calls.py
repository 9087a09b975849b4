"""Hold the calls that contract checks look at, whichever requests they were made for."""

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
    """Holds calls of one method, at least one."""

    records: tuple[CallRecord, ...]
    """Record of each call."""
    claims: Claims
    """Claims of the method."""
    where: str
    """Description of the requests, for messages."""
    described: Claims | None = None
    """Claims that the method stated when it was described; None if nothing is known of them."""


def every_call(
    calls: Calls,
    fault: Callable[[CallRecord], str | None],
    *,
    needs_model: bool = True,
    level: Level | None = None,
) -> Finding:
    """Return passed if ``fault`` finds none in any call.

    A call that gave nothing to look at is an error, never a pass.

    Args:
        calls: calls to look at.
        fault: function that returns what is wrong with a call, or None.
        needs_model: True if a call that returned no weights is an error.
        level: level of a failure; None: the check's.
    """
    if not calls.records:
        return Finding.error(f"no call was made on {calls.where}")
    for number, record in enumerate(calls.records):
        if needs_model and not record.call.returned:
            message = f"call {number} on {calls.where} {record.call.status}: {record.call.message}"
            return Finding.error(message, Fault.METHOD, record.call.traceback)
        found = fault(record)
        if found:
            return Finding.failed(f"call {number} on {calls.where}: {found}", level=level)
    return Finding.passed()
