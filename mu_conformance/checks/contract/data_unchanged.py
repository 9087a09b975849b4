"""contract.data-unchanged"""

from __future__ import annotations

from mu_conformance.checks.catalogue import check
from mu_conformance.decision.finding import Finding
from mu_conformance.evidence.call_record import CallRecord
from mu_conformance.evidence.calls import Calls, every_call


@check("contract.data-unchanged", Calls)
def data_unchanged(calls: Calls) -> Finding:
    """A call leaves the rows of the forget set and the retain set as they were.

    **Why.** Rows are views of the caller's data set. An in-place operation on a batch changes that data set, for
    example when random labels are written into it.

    **Decision.** Every call is checked. One change in place fails the check.

    **Level.** MUST: a changed data set harms what the caller owns.

    **If it fails.** The method writes into a tensor of a batch. Usual causes are new labels written over the old ones,
    and operations in place on the inputs.

    **Try.** Clone a tensor before writing into it, or build a new batch.

    **References.** None.
    """

    def fault(record: CallRecord) -> str | None:
        return (
            "rows of the forget or retain set were changed in place" if record.call.report.get("data_changed") else None
        )

    return every_call(calls, fault)
