"""cost.examples-read"""

from __future__ import annotations

import numpy as np

from mu_conformance.checks.catalogue import Subject, check
from mu_conformance.checks.finding import Finding, Measurement
from mu_conformance.evidence import Evidence

MARGIN = 3.0


@check("cost.examples-read", Subject.EVIDENCE)
def examples_read(evidence: Evidence) -> Finding:
    """A call reads no more than three times the rows that retraining reads.

    Counted by the datasets that the method was handed, every draw of a row once; retraining reads each retain row
    once an epoch. A machine-independent companion of cost.wall-clock.
    """
    count = evidence.profile.looks[0]
    evidence.runs(count)
    reads = [run.call.report.get("reads", {}) for run in evidence.records(count)]
    draws = float(np.median([sum(part.get("draws", 0) for part in read.values()) for read in reads]))
    ratio = draws / evidence.retrain_examples
    measurements = (
        Measurement("rows read, times retraining", ratio, margin=MARGIN, runs=len(reads)),
        Measurement("rows read", draws, runs=len(reads)),
    )
    if ratio <= MARGIN:
        return Finding.passed(*measurements)
    return Finding.failed(f"a call reads {draws:.0f} rows, {ratio:.1f} times what retraining reads", *measurements)
