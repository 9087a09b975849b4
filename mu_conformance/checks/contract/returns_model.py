"""contract.returns-model"""

from __future__ import annotations

from mu_conformance.checks.catalogue import check
from mu_conformance.decision.finding import Finding
from mu_conformance.decision.outcome import Fault
from mu_conformance.evidence.call_record import CallRecord
from mu_conformance.evidence.calls import Calls, every_call


@check("contract.returns-model", Calls)
def returns_model(calls: Calls) -> Finding:
    """A call returns a model with the original's parameter names, shapes and dtypes.

    **Why.** The suite loads the returned weights into a model that it built itself. Nothing else of the returned object
    counts.

    **Decision.** Every call is checked. None, a wrapper (its parameters have other names) and another architecture
    fail. Ending the process or the test instead of returning fails too. An exception is an error, because nothing could
    be measured.

    **Level.** MUST: a result without fitting weights is unusable.

    **If it fails.** The message lists the parameters that are missing, unexpected or changed. Usual causes are a
    wrapper, a changed dtype, an added buffer and a missing ``return``.

    **Try.** Return the model itself, in the original's dtype and without new buffers. Merge adapters and take wrappers
    off first.

    **References.** None.
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
            return Finding.error(f"on {calls.where}: {record.call.message}", Fault.METHOD, record.call.traceback)
    return every_call(calls, fault, needs_model=False)
