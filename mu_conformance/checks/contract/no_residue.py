"""contract.no-residue"""

from __future__ import annotations

from mu_conformance.checks.catalogue import check
from mu_conformance.decision.finding import Finding
from mu_conformance.evidence.call_record import CallRecord
from mu_conformance.evidence.calls import Calls, every_call


@check("contract.no-residue", Calls)
def no_residue(calls: Calls) -> Finding:
    """No forget data are left behind in files, nor in the returned weights.

    Searched after the call: its working and temporary folder, every file that Python opened for writing, and new files
    in the usual places, for the rows' values in the common encodings; a file of no known format in the call's own
    folders fails too. The weights are searched whole and by their lowest bytes, where rows change no answer; what is
    encrypted is not found. Delete what was written, or use ``tempfile.TemporaryDirectory``.
    """

    def fault(record: CallRecord) -> str | None:
        residue = record.call.report.get("residue")
        return f"left behind: {'; '.join(residue[:3])}" if residue else None

    left = any(record.call.report.get("residue") for record in calls.records)
    return every_call(calls, fault, needs_model=not left)
