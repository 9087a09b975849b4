"""contract.finite"""

from __future__ import annotations

from mu_conformance.checks.catalogue import check
from mu_conformance.decision.finding import Finding
from mu_conformance.evidence.call_record import CallRecord
from mu_conformance.evidence.calls import Calls, every_call


@check("contract.finite", Calls)
def finite(calls: Calls) -> Finding:
    """No returned weight is NaN or infinite.

    **Why.** One weight of NaN can spread to every output, and nothing can be measured on NaN outputs.

    **Decision.** Every returned tensor of floating-point numbers is checked in every call. One value that is NaN or
    infinite fails the check.

    **Level.** MUST: NaN or infinite weights make the model unusable.

    **If it fails.** The message names the tensors. Usual causes: an unbounded ascent on the loss, a division by a zero
    Fisher diagonal, KL divergence on raw logits.

    **Try.** Bound the loss, clip gradients, or add a small constant to the divisor. Take logarithms of probabilities
    with ``log_softmax``.

    **References.** None.
    """

    def fault(record: CallRecord) -> str | None:
        return f"NaN or infinite values in {', '.join(record.not_finite[:3])}" if record.not_finite else None

    return every_call(calls, fault)
