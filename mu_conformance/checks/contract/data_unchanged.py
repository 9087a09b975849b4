"""contract.data-unchanged"""

from __future__ import annotations

from mu_conformance.checks.catalogue import check
from mu_conformance.decision.finding import Finding
from mu_conformance.evidence.call_record import CallRecord
from mu_conformance.evidence.calls import Calls, every_call


@check("contract.data-unchanged", Calls)
def data_unchanged(calls: Calls) -> Finding:
    """The rows that were handed in are as they were.

    Rows are views: an in-place operation on a batch, such as writing random labels into it, changes the data set.
    """

    def fault(record: CallRecord) -> str | None:
        return (
            "rows of the forget or retain set were changed in place" if record.call.report.get("data_changed") else None
        )

    return every_call(calls, fault)
