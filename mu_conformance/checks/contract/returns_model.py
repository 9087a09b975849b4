"""contract.returns-model"""

from __future__ import annotations

from mu_conformance.checks.catalogue import check
from mu_conformance.decision.finding import Finding
from mu_conformance.evidence.call_record import CallRecord
from mu_conformance.evidence.calls import Calls, every_call


@check("contract.returns-model", Calls)
def returns_model(calls: Calls) -> Finding:
    """A call returns a model with the original's parameter names, shapes and dtypes.

    The suite loads the returned weights into a model that it built itself; nothing else of what is returned counts.
    Returning None, a wrapper (its parameters have other names), another architecture, or ending the process or the
    test instead of returning, fails. An exception is an error: nothing could be measured.
    """

    def fault(record: CallRecord) -> str | None:
        call = record.call
        if call.status in ("unusable", "escaped", "timeout", "over_budget"):
            return call.message
        if record.misfits:
            return f"the returned model does not fit the original's architecture: {'; '.join(record.misfits[:3])}"
        return None

    for record in calls.records:
        if record.call.status in ("raised", "killed"):
            return Finding.error(f"on {calls.where}: {record.call.message}")
    return every_call(calls, fault, needs_model=False)
