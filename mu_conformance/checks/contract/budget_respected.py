"""contract.budget-respected"""

from __future__ import annotations

from mu_conformance.checks.catalogue import check
from mu_conformance.decision.finding import Finding
from mu_conformance.evidence.call_record import CallRecord
from mu_conformance.evidence.calls import Calls, every_call

STOPPED = ("timeout", "over_budget")


@check("contract.budget-respected", Calls)
def budget_respected(calls: Calls) -> Finding:
    """A call stays within the request's budget of seconds, rows and FLOPs.

    Without ``--mu-time-limit`` it is ten times what retraining takes, and at least a minute. FLOPs have a limit under
    ``--mu-budget`` alone: a call is stopped there.
    """

    def fault(record: CallRecord) -> str | None:
        if record.call.status in STOPPED:
            return record.call.message
        limit, flops = record.budget.flops, record.call.report.get("flops", 0)
        if limit is not None and flops > limit:
            return f"went on past its budget: {flops:.3g} FLOPs of {limit:.3g}"
        if limit is not None and record.call.report.get("programs"):
            return f"started a program under a budget of FLOPs, where they are not counted: {record.call.report['programs'][0]}"
        draws = sum(part.get("draws", 0) for part in record.call.report.get("reads", {}).values())
        if record.budget.examples is not None and draws > record.budget.examples:
            return f"read {draws} rows with a budget of {record.budget.examples}"
        return None

    stopped = any(record.call.status in STOPPED for record in calls.records)
    return every_call(calls, fault, needs_model=not stopped)
