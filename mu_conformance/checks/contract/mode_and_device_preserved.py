"""contract.mode-and-device-preserved"""

from __future__ import annotations

from mu_conformance.checks.catalogue import check
from mu_conformance.decision.finding import Finding
from mu_conformance.decision.outcome import Level
from mu_conformance.evidence.call_record import CallRecord
from mu_conformance.evidence.calls import Calls, every_call


@check("contract.mode-and-device-preserved", Calls, partly_should=True)
def mode_and_device_preserved(calls: Calls) -> Finding:
    """The returned model is in the mode (evaluation) and on the device of the one that was handed in.

    A model left in training mode answers with dropout on and moves its batch statistics at every question.
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
