"""contract.mode-and-device-preserved"""

from __future__ import annotations

from mu_conformance.checks.catalogue import check
from mu_conformance.decision.finding import Finding
from mu_conformance.decision.outcome import Level
from mu_conformance.evidence.call_record import CallRecord
from mu_conformance.evidence.calls import Calls, every_call


@check("contract.mode-and-device-preserved", Calls, partly_should=True)
def mode_and_device_preserved(calls: Calls) -> Finding:
    """The returned model is in evaluation mode and on the device of the handed model.

    **Why.** A model left in training mode answers with dropout on, and moves its batch statistics at every input.

    **Decision.** Every call is checked. All tensors of the returned model must lie on the device of the handed model.
    The returned model must be in evaluation mode, as the handed one was.

    **Level.** MUST for the device: a model elsewhere is unusable to its caller. SHOULD for the mode: the caller can
    call .eval().

    **If it fails.** The message says which of the two was changed. Usual causes are a model left in training mode after
    the last epoch, and a fresh model that was never moved to the request's device.

    **Try.** Move the model to ``request.device``, and call ``.eval()`` before returning.

    **References.** None.
    """

    def elsewhere(record: CallRecord) -> str | None:
        if len(record.call.report.get("devices", [])) != 1 or record.call.message:
            return record.call.message or "the returned model lies on several devices"
        return None

    def training(record: CallRecord) -> str | None:
        if record.call.report.get("training_mode") is not False:
            return "the model was handed in in evaluation mode and came back in training mode; call .eval()"
        return None

    moved = every_call(calls, elsewhere)
    return moved if moved.message else every_call(calls, training, level=Level.SHOULD)
