"""Say of what was not measured from outside that it is unverified, instead of calling it passed."""

from __future__ import annotations

import dataclasses

from mu_conformance.decision.finding import UNVERIFIED, Finding
from mu_conformance.decision.outcome import Level, Outcome

__all__ = ["RESTS_ON_SANDBOX", "unverified"]

RESTS_ON_SANDBOX = {
    "contract.no-network": "what native code and started programs send is not seen",
    "contract.no-residue": "what is written elsewhere, natively or by started programs, is not found",
    "contract.declared-access": "the suite's files can be read by native code and by started programs",
    "cost.wall-clock": "the time of a process that nobody waits for is not counted",
    "cost.peak-memory": "the memory of started processes is not counted",
}
"""Checks whose pass rests on the sandbox, and what can go unseen without one."""


def unverified(check: str, finding: Finding, *, decides: bool) -> Finding:
    """Return the finding of a check made without a sandbox: a pass that rests on one becomes inconclusive.

    What failed stays failed, because the failure was seen.

    Args:
        check: id of the check.
        finding: its finding.
        decides: True if an unverified check decides the verdict, as under the profile ``thorough``.
    """
    if check not in RESTS_ON_SANDBOX or finding.outcome is not Outcome.PASSED:
        return finding
    message = f"{UNVERIFIED}without a sandbox, {RESTS_ON_SANDBOX[check]}"
    level = None if decides else Level.SHOULD
    return dataclasses.replace(finding, outcome=Outcome.INCONCLUSIVE, message=message, level=level)
