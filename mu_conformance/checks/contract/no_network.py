"""contract.no-network"""

from __future__ import annotations

from mu_conformance.checks.catalogue import check
from mu_conformance.decision.finding import Finding
from mu_conformance.evidence.call_record import CallRecord
from mu_conformance.evidence.calls import Calls, every_call


@check("contract.no-network", Calls)
def no_network(calls: Calls) -> Finding:
    """A call attempts no network connection.

    **Why.** The rows to be deleted must not leave the machine. A verdict must not depend on an answer from elsewhere.

    **Decision.** Connections are refused and recorded, whatever the outcome of the call. One attempt fails the check.
    In the sandbox there is no network, and the kernel counts the packets that had no route: of native code, of workers
    and of started programs too. Importing and constructing the method counts.

    **Level.** MUST: deleted data may leave the machine.

    **If it fails.** The message names the addresses. Usual causes are telemetry, experiment tracking and downloads
    during the call.

    **Try.** Switch telemetry and tracking off. Download what the method needs before the call.

    **References.** None.
    """

    def fault(record: CallRecord) -> str | None:
        report = record.call.report
        if report.get("connections"):
            return f"tried to connect: {', '.join(map(str, report['connections'][:3]))}"
        packets = report.get("unroutable")
        return f"tried to reach the network: {packets} packets had no route" if packets else None

    tried = any(map(fault, calls.records))
    return every_call(calls, fault, needs_model=not tried)
