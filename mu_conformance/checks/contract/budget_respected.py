"""contract.budget-respected"""

from __future__ import annotations

from mu_conformance.checks.catalogue import check
from mu_conformance.decision.finding import Finding
from mu_conformance.evidence.call_record import CallRecord
from mu_conformance.evidence.calls import Calls, every_call

STOPPED = ("timeout", "over_budget")
"""Statuses of a call that was stopped at its budget."""


@check("contract.budget-respected", Calls)
def budget_respected(calls: Calls) -> Finding:
    """A call stays within the request's budget of seconds, rows and FLOPs.

    **Why.** A request states its budget, and its caller relies on it. A call without a limit can cost more than
    retraining.

    **Decision.** Every call is checked, and one violation fails the check. ``--mu-time-limit`` sets the limit of
    seconds. Without the option the limit is ten times the time of retraining, and at least a minute. FLOPs are limited
    under ``--mu-budget`` only. A call is stopped at its limit of seconds or FLOPs. Rows are counted at each draw, and
    checked after the call. Under a FLOP budget a started program fails too, because its FLOPs are not counted.

    **Level.** MUST: a result that takes more than the stated budget is unusable to its caller.

    **If it fails.** The message names the resource that ran out. Usual causes are a loop until convergence without an
    upper bound, and a number of passes that ignores the budget.

    **Try.** Read ``request.budget``, and stop before its limits. Give every loop a largest number of steps.

    **References.** None.
    """

    def fault(record: CallRecord) -> str | None:
        if record.call.status in STOPPED:
            return record.call.message
        limit, flops = record.budget.flops, record.call.report.get("flops", 0)
        if limit is not None and flops > limit:
            return f"went on past its budget: {flops:.3g} FLOPs of {limit:.3g}"
        if limit is not None and record.call.report.get("programs"):
            return (
                "started a program under a budget of FLOPs, where they are not counted: "
                f"{record.call.report['programs'][0]}"
            )
        draws = sum(part.get("draws", 0) for part in record.call.report.get("reads", {}).values())
        if record.budget.examples is not None and draws > record.budget.examples:
            return f"read {draws} rows with a budget of {record.budget.examples}"
        return None

    stopped = any(record.call.status in STOPPED for record in calls.records)
    return every_call(calls, fault, needs_model=not stopped)
