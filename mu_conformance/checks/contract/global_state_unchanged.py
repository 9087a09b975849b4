"""contract.global-state-unchanged"""

from __future__ import annotations

from mu_conformance.checks.catalogue import check
from mu_conformance.decision.finding import Finding
from mu_conformance.decision.outcome import Level
from mu_conformance.evidence.call_record import CallRecord
from mu_conformance.evidence.calls import Calls, every_call

HYGIENE = ("environment", "threads running", "torch threads")
"""Parts of the global state that no result depends on: a change of them alone is a recommendation."""


@check("contract.global-state-unchanged", Calls, partly_should=True)
def global_state_unchanged(calls: Calls) -> Finding:
    """Global state is left as it was found.

    Grad mode, default dtype and device, threads, determinism flags, environment, working directory, running threads;
    and no global generator is reseeded: drawing from one is fine, but after two calls that found it in different
    states it must not be in the same one. Use ``request.seeded()``, ``torch.random.fork_rng()`` or a generator.
    """

    def harmful(record: CallRecord) -> str | None:
        found = [change for change in _changes(record) if not change.startswith(HYGIENE)]
        if found:
            return f"changed global state: {'; '.join(found)}"
        if record.call.orphans:
            return f"left {record.call.orphans} processes running"
        return None

    def untidy(record: CallRecord) -> str | None:
        found = _changes(record)
        return f"changed global state: {'; '.join(found)}" if found else None

    finding = every_call(calls, harmful)
    if finding.message:
        return finding
    for name in ("python", "numpy", "torch"):
        states = [record.call.report.get("random_states", {}).get(name) for record in calls.records]
        if len(states) > 1 and len(set(states)) < len(states):
            return Finding.failed(
                f"on {calls.where}: the global {name} generator was reseeded (calls that found it in different states left "
                "it in the same one); use request.seeded() or a generator of your own"
            )
    return every_call(calls, untidy, level=Level.SHOULD)


def _changes(record: CallRecord) -> list[str]:
    """What a call changed, each as ``name: before -> after``."""
    return list(record.call.report.get("global_changes") or [])
