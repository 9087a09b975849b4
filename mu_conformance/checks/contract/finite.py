"""contract.finite"""

from __future__ import annotations

from mu_conformance.checks.catalogue import check
from mu_conformance.decision.finding import Finding
from mu_conformance.evidence.call_record import CallRecord
from mu_conformance.evidence.calls import Calls, every_call


@check("contract.finite", Calls)
def finite(calls: Calls) -> Finding:
    """No returned weight is NaN or infinite.

    Usual causes: an unbounded ascent on the loss, a division by a zero Fisher diagonal, KL divergence on raw logits.
    """

    def fault(record: CallRecord) -> str | None:
        return f"NaN or infinite values in {', '.join(record.not_finite[:3])}" if record.not_finite else None

    return every_call(calls, fault)
