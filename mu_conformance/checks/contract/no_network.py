"""contract.no-network"""

from __future__ import annotations

from mu_conformance.checks.catalogue import check
from mu_conformance.decision.finding import Finding
from mu_conformance.evidence.call_record import CallRecord
from mu_conformance.evidence.calls import Calls, every_call


@check("contract.no-network", Calls)
def no_network(calls: Calls) -> Finding:
    """No network connection is tried.

    The rows to be deleted must not leave the machine, and a verdict must not depend on an answer from elsewhere.
    Connections are refused and recorded, whatever becomes of the call.
    """

    def fault(record: CallRecord) -> str | None:
        tried = record.call.report.get("connections")
        return f"tried to connect: {', '.join(tried[:3])}" if tried else None

    tried = any(record.call.report.get("connections") for record in calls.records)
    return every_call(calls, fault, needs_model=not tried)
