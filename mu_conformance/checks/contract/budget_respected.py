"""contract.budget-respected"""

from __future__ import annotations

from mu_conformance.call_record import CallRecord
from mu_conformance.checks.calls import Calls, every_call
from mu_conformance.checks.catalogue import Subject, check
from mu_conformance.checks.finding import Finding


@check("contract.budget-respected", Subject.CALLS)
def budget_respected(calls: Calls) -> Finding:
    """A call stays within the request's budget of seconds and rows.

    Without ``--mu-budget`` or ``--mu-time-limit`` the budget is ten times what retraining takes, and at least a minute.
    """

    def fault(record: CallRecord) -> str | None:
        if record.call.status == "timeout":
            return record.call.message
        draws = sum(part.get("draws", 0) for part in record.call.report.get("reads", {}).values())
        if record.budget.examples is not None and draws > record.budget.examples:
            return f"read {draws} rows with a budget of {record.budget.examples}"
        return None

    stopped = any(record.call.status == "timeout" for record in calls.records)
    return every_call(calls, fault, needs_model=not stopped)
