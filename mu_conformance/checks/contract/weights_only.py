"""contract.weights-only"""

from __future__ import annotations

from mu_conformance.checks.catalogue import check
from mu_conformance.decision.finding import Finding
from mu_conformance.evidence.call_record import CallRecord
from mu_conformance.evidence.calls import Calls, every_call

TOLERANCE = 1e-4
"""Largest tolerated difference of logits: the same weights give the same outputs up to rounding."""


@check("contract.weights-only", Calls)
def weights_only(calls: Calls) -> Finding:
    """The returned object's outputs are those of its weights in a fresh model.

    **Why.** An output filter hides the forget rows from the caller and forgets nothing. Providers can cheat
    verification (arXiv 2408.00929).

    **Decision.** The logits of the returned object and of its weights are compared on forget and retain rows, in every
    call. The weights are those that were returned, before the rounding for all other measurements. The largest
    difference may be ``TOLERANCE``, because sums are rounded. The comparison catches wrappers,
    forward hooks, patched forwards and other output filters.

    **Level.** MUST: deleted data may survive behind an output filter.

    **If it fails.** A wrapper, a hook or a patched forward answers in place of the weights.

    **Try.** Remove wrappers, hooks and patches before returning. Put the change into the weights themselves.

    **References.** arXiv 2408.00929.
    """

    def fault(record: CallRecord) -> str | None:
        if record.misfits:
            return f"its weights do not fit the architecture ({record.misfits[0]}), so they cannot explain its outputs"
        if record.weights_gap is None:
            return (
                f"the returned object gives no outputs to compare: {record.call.report.get('probe_error', 'unknown')}"
            )
        if record.weights_gap > TOLERANCE:
            return (
                f"outputs of the returned object differ from those of its weights by up to {record.weights_gap:.3g}; "
                "a wrapper, a hook or a patched forward answers in the weights' place"
            )
        return None

    return every_call(calls, fault)
