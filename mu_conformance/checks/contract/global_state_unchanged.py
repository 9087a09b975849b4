"""contract.global-state-unchanged"""

from __future__ import annotations

import collections
from typing import Any

from mu_conformance.checks.catalogue import check
from mu_conformance.decision.finding import Finding
from mu_conformance.decision.outcome import Level
from mu_conformance.evidence.call_record import CallRecord
from mu_conformance.evidence.calls import Calls, every_call

HYGIENE = ("environment", "threads running", "torch threads")
"""Parts of the global state on which no result depends; a change of these alone is a recommendation."""


@check("contract.global-state-unchanged", Calls, partly_should=True)
def global_state_unchanged(calls: Calls) -> Finding:
    """A call leaves global state as it found it.

    **Why.** A change of global state alters what the caller computes after the call.

    **Decision.** Each call is compared with the state before it: grad mode, default dtype and device, threads,
    determinism flags, environment, working directory, running threads and processes. Threads have half a second to end,
    and the monitor of tqdm's bars may stay. No global generator may be reseeded. Drawing from a generator is fine. Two
    calls that found a generator in different states must not leave it in the same one.

    **Level.** MUST for what changes a caller's results (random generators, grad mode, dtype, determinism flags, working
    directory, processes left running). SHOULD for threads and environment variables, on which no result depends.

    **If it fails.** The message names each change as ``name: before -> after``. Usual causes are a global seed,
    gradients left off after an evaluation, and worker threads left running.

    **Try.** Use ``request.seeded()``, ``torch.random.fork_rng()`` or a generator of your own. Switch gradients off by
    ``with torch.no_grad():`` only, and end workers before returning.

    **References.** None.
    """

    def harmful(record: CallRecord) -> str | None:
        found = [change for change in _changes(record) if not change.startswith(HYGIENE)]
        if found:
            return f"changed global state: {'; '.join(found)}"
        if record.call.orphans:
            return f"left {record.call.orphans} processes running{_named(record.call.report.get('processes_left'))}"
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
                f"on {calls.where}: the global {name} generator was reseeded (calls that found it in different states "
                "left it in the same one); use request.seeded() or a generator of your own"
            )
    return every_call(calls, untidy, level=Level.SHOULD)


def _named(commands: Any) -> str:
    """Return the commands of processes that were left, each once, for a message; empty if the child named none."""
    if not isinstance(commands, list) or not commands:
        return ""
    counts = collections.Counter(map(str, commands))
    return f" ({', '.join(f'{count} of {name}' for name, count in counts.most_common(5))})"


def _changes(record: CallRecord) -> list[str]:
    """Return the changes made by a call, each as ``name: before -> after``."""
    return list(record.call.report.get("global_changes") or [])
