"""contract.no-residue"""

from __future__ import annotations

from mu_conformance.checks.catalogue import check
from mu_conformance.decision.finding import Finding
from mu_conformance.evidence.call_record import CallRecord
from mu_conformance.evidence.calls import Calls, every_call


@check("contract.no-residue", Calls)
def no_residue(calls: Calls) -> Finding:
    """No forget data stay behind in files, and neither rows nor the original in the returned weights.

    **Why.** A row that is copied to a file or into the weights is not deleted. An original that is copied into low bits
    of the weights comes back by a shift.

    **Decision.** Files are searched after the call for the rows' values in the common encodings. In the sandbox, the
    search covers everything that the call wrote. Without one, the search covers the call's working and temporary
    folders, every file that Python opened for writing, and new files in the usual places. A file of no known format in
    the call's own folders fails too. The returned weights are searched for every forget row, at every byte of every
    range of bytes of the numbers, and in a few low bits of each. The lower halves of the numbers are searched for the
    original's upper halves, in place, moved or in another order. Encrypted data are not found.

    **Level.** MUST: deleted data may survive in files or in the weights.

    **If it fails.** The message names the file or the bytes of the weights. Usual causes are checkpoints, cached
    batches and logs.

    **Try.** Delete files after use, or write into a ``tempfile.TemporaryDirectory``. Keep rows out of logs and out of
    the model's buffers. Round the weights with ``mu_conformance.rounded``, as they are judged.

    **References.** None.
    """

    def fault(record: CallRecord) -> str | None:
        residue = record.call.report.get("residue")
        return f"left behind: {'; '.join(residue[:3])}" if residue else None

    left = any(record.call.report.get("residue") for record in calls.records)
    return every_call(calls, fault, needs_model=not left)
