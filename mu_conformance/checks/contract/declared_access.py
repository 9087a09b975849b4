"""contract.declared-access"""

from __future__ import annotations

from mu_conformance.checks.catalogue import check
from mu_conformance.decision.finding import Finding
from mu_conformance.evidence.call_record import CallRecord
from mu_conformance.evidence.calls import Calls, every_call


@check("contract.declared-access", Calls)
def declared_access(calls: Calls) -> Finding:
    """A method reads what it declared and was handed, and neither reads nor changes anything of the suite's own.

    The handed datasets count what is read of them; a method that claims not to need the retain set, or labels, is
    not given them. Opening the suite's data or artefacts during a call fails, and so does changing any of its files,
    or handing back a model that agrees with a stored reference as no two trainings agree.
    """

    def fault(record: CallRecord) -> str | None:
        report = record.call.report
        for did, names in (("opened", report.get("suite_files_read")), ("changed", report.get("suite_changed"))):
            if names:
                return f"{did} files of the suite: {', '.join(str(name).rpartition('/')[2] for name in names[:3])}"
        if record.copied:
            return record.copied
        if not calls.claims.needs_retain and "retain" in report.get("reads", {}):
            return "read a retain set that it had declared not to need"
        return None

    touched = any(
        record.call.report.get("suite_files_read") or record.call.report.get("suite_changed")
        for record in calls.records
    )
    return every_call(calls, fault, needs_model=not touched)
