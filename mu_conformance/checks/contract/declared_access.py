"""contract.declared-access"""

from __future__ import annotations

from mu_conformance.call_record import CallRecord
from mu_conformance.checks.calls import Calls, every_call
from mu_conformance.checks.catalogue import Subject, check
from mu_conformance.checks.finding import Finding


@check("contract.declared-access", Subject.CALLS)
def declared_access(calls: Calls) -> Finding:
    """A method reads what it declared and was handed, and nothing of the suite's own.

    The handed datasets count what is read of them; a method that claims not to need the retain set, or labels, is
    not given them. Opening the suite's data or artefacts during a call fails.
    """

    def fault(record: CallRecord) -> str | None:
        opened = record.call.report.get("suite_files_read")
        if opened:
            return f"opened files of the suite: {', '.join(str(name).rpartition('/')[2] for name in opened[:3])}"
        reads = record.call.report.get("reads", {})
        if not calls.claims.needs_retain and "retain" in reads:
            return "read a retain set that it had declared not to need"
        return None

    return every_call(calls, fault, needs_model=False) if _any_report(calls) else every_call(calls, fault)


def _any_report(calls: Calls) -> bool:
    return any(record.call.report.get("suite_files_read") for record in calls.records)
