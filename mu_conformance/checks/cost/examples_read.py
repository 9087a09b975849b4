"""cost.examples-read"""

from __future__ import annotations

import numpy as np

from mu_conformance.checks.catalogue import check
from mu_conformance.decision.finding import Finding, Measurement
from mu_conformance.evidence.base import Evidence
from mu_conformance.isolation.call import CallResult

MARGIN = 3.0


def _draws(call: CallResult) -> float:
    return sum(part.get("draws", 0) for part in call.report.get("reads", {}).values())


@check("cost.examples-read", Evidence)
def examples_read(evidence: Evidence) -> Finding:
    """A call reads no more than three times the rows that retraining reads.

    Counted by the datasets that the method was handed, every draw of a row once; retraining reads each retain row
    once an epoch. A machine-independent companion of cost.wall-clock.
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
