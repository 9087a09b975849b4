"""contract.declared-access"""

from __future__ import annotations

from mu_conformance.checks.catalogue import check
from mu_conformance.decision.finding import Finding
from mu_conformance.evidence.call_record import CallRecord
from mu_conformance.evidence.calls import Calls, every_call


@check("contract.declared-access", Calls)
def declared_access(calls: Calls) -> Finding:
    """A method reads only the data it declared and was handed, and leaves the suite's own files alone.

    **Why.** A method that reads the suite's files can return a stored model instead of unlearning. A claim not to need
    the retain set, or labels, is worth something only if they stay unread.

    **Decision.** The handed datasets count what is read of them. A method that claims not to need the retain set, or
    labels, is not given them. Opening the suite's data or artefacts during a call fails, and so does changing any of
    its files. In the sandbox these files are out of sight, and the attempt fails. Claims that differ between the
    description and a call fail. A returned model fails if it agrees with a stored reference more closely than two
    trainings agree.

    **Level.** MUST: a claim cannot be believed if its result comes from the suite's own files.

    **If it fails.** The message names the files, the copied reference or the undeclared retain set. The result may come
    from data that the method was not handed.

    **Try.** Read rows of ``request.forget`` and ``request.retain`` only, and leave the suite's files alone. Claim
    ``needs_retain`` or ``reads_labels`` if the method needs them.

    **References.** None.
    """

    def fault(record: CallRecord) -> str | None:
        report = record.call.report
        for did, names in (("opened", report.get("suite_files_read")), ("changed", report.get("suite_changed"))):
            if names:
                return f"{did} files of the suite: {', '.join(str(name).rpartition('/')[2] for name in names[:3])}"
        if record.copied:
            return record.copied
        stated = report.get("claims")
        if calls.described is not None and stated is not None and stated != calls.described.to_json():
            described = calls.described.to_json()
            changed = [name for name in described if stated.get(name) != described[name]]
            return f"claims otherwise when called than when described: {', '.join(changed) or 'other keys'}"
        if not calls.claims.needs_retain and "retain" in report.get("reads", {}):
            return "read a retain set that it had declared not to need"
        return None

    # A call that broke a promise and then returned nothing has broken it all the same.
    return every_call(calls, fault, needs_model=not any(map(fault, calls.records)))
