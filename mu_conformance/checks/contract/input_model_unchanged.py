"""contract.input-model-unchanged"""

from __future__ import annotations

from mu_conformance.checks.catalogue import check
from mu_conformance.decision.finding import Finding
from mu_conformance.evidence.call_record import CallRecord
from mu_conformance.evidence.calls import Calls, every_call


@check("contract.input-model-unchanged", Calls, when=lambda claims: not claims.in_place)
def input_model_unchanged(calls: Calls) -> Finding:
    """A call leaves the handed model as it was: weights, mode, frozen parameters and hooks.

    **Why.** The caller may still need the original.

    **Decision.** The handed model is compared before and after every call, and one change fails the check. A method
    that claims ``in_place`` is exempt.

    **Level.** MUST: a changed original harms what the caller owns.

    **If it fails.** The method trains or edits the model that it was handed.

    **Try.** Work on ``copy.deepcopy(model)``, or claim ``in_place``.

    **References.** None.
    """

    def fault(record: CallRecord) -> str | None:
        changes = record.call.report.get("input_changes")
        if changes:
            return f"the model that was handed in was changed ({', '.join(changes)}); work on a copy or claim in_place"
        return None

    return every_call(calls, fault)
