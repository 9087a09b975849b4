"""contract.batches-vary"""

from __future__ import annotations

from mu_conformance.checks.catalogue import check
from mu_conformance.decision.finding import Finding
from mu_conformance.decision.outcome import Level
from mu_conformance.evidence.call_record import CallRecord
from mu_conformance.evidence.calls import Calls, every_call

BATCHES = 3
"""Smallest retain set that is looked at, in batches of the recipe's size: in a smaller one a batch is much of it."""
DRAWS = 5.0
"""Draws of each row from which on a batch is taken for the only one that a loop gets."""


@check("contract.batches-vary", Calls, level=Level.SHOULD)
def batches_vary(calls: Calls) -> Finding:
    """A call that reads retain rows again and again reads more than one batch of them.

    **Why.** ``next(iter(loader))`` at every step gives the first batch every time, and the other rows are never read.

    **Decision.** Each call counts its draws of every retain row. A call fails if the rows read are one batch or fewer,
    by the recipe's batch size, and were drawn five times each. Retain sets smaller than three batches are not looked
    at.

    **Level.** SHOULD: a method may choose a few retain rows on purpose, and the checks of utility judge the result.

    **If it fails.** A loop calls ``next(iter(loader))`` and so starts the loader anew at every step.

    **Try.** Make one iterator before the loop, or go through the loader in every epoch.

    **References.** None.
    """

    def fault(record: CallRecord) -> str | None:
        reads = record.call.report.get("reads", {}).get("retain")
        if reads is None or record.batch_size is None or reads["of"] < BATCHES * record.batch_size:
            return None
        if 0 < reads["rows"] <= record.batch_size and reads["draws"] >= DRAWS * reads["rows"]:
            return (
                f"drew {reads['rows']} retain rows {reads['draws'] / reads['rows']:.0f} times each, and the other "
                f"{reads['of'] - reads['rows']} never; is only the first batch read?"
            )
        return None

    return every_call(calls, fault, level=Level.SHOULD)
