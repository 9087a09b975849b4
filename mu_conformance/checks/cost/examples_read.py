"""cost.examples-read"""

from __future__ import annotations

import numpy as np

from mu_conformance.checks.catalogue import check
from mu_conformance.decision.finding import Finding, Measurement
from mu_conformance.evidence.base import Evidence
from mu_conformance.isolation.call import CallResult

MARGIN = 3.0
"""Largest tolerated multiple of the rows read by retraining."""


def _draws(call: CallResult) -> float:
    """Return the number of rows drawn by a call from all handed datasets."""
    return sum(part.get("draws", 0) for part in call.report.get("reads", {}).values())


@check("cost.examples-read", Evidence)
def examples_read(evidence: Evidence) -> Finding:
    """A call reads no more than three times the rows that retraining reads.

    **Why.** The number of rows read does not depend on the machine, and so complements ``cost.wall-clock``.

    **Decision.** The handed datasets count every draw of a row once. Retraining reads each retain row once an epoch.
    The statistic is the median over the runs of the first look, as a multiple of retraining. The comparison is
    one-sided: fewer rows never fail.

    **Level.** MUST: a call that costs several times retraining makes the result unusable as an alternative to
    retraining.

    **If it fails.** The method makes more passes over the rows than retraining does, usually over the retain set.

    **Try.** Reduce the epochs, or draw a sample of the retain rows.

    **References.** None.
    """
    count = evidence.profile.looks[0]
    evidence.runs(count)
    runs = evidence.records(count)
    draws = float(np.median([run.total(_draws) for run in runs]))
    ratio = draws / evidence.retraining.examples
    measurements = (
        Measurement("rows read, times retraining", ratio, margin=MARGIN, runs=len(runs)),
        Measurement("rows read", draws, runs=len(runs)),
    )
    if ratio <= MARGIN:
        return Finding.passed(*measurements)
    return Finding.failed(f"a call reads {draws:.0f} rows, {ratio:.1f} times what retraining reads", *measurements)
