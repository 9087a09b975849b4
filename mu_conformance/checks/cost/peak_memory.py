"""cost.peak-memory"""

from __future__ import annotations

import numpy as np

from mu_conformance.checks.catalogue import check
from mu_conformance.decision.finding import Finding, Measurement
from mu_conformance.evidence.base import Evidence

FLOOR_MIB = 512.0
MODELS, DATA_SETS = 64, 4
"""Training with AdamW holds four times the weights and the activations of a batch, which are most of it; this is far more."""


@check("cost.peak-memory", Evidence)
def peak_memory(evidence: Evidence) -> Finding:
    """A call needs no more memory than 512 MiB and what 64 copies of the model and four of the data take.

    Decided on the largest resident memory of the method's process and its descendants beyond what it had at the start,
    the median over runs. Retraining stays far below. A gradient for every row, or a Hessian, goes past it on a model of
    any size.
    """
    count = evidence.profile.looks[0]
    evidence.runs(count)
    runs = evidence.records(count)
    peak = float(np.median([max(record.call.peak_mib for record in run.records) for run in runs]))
    allowed = FLOOR_MIB + MODELS * evidence.retraining.model_mib + DATA_SETS * evidence.retraining.data_mib
    measurement = Measurement("peak memory of a call, MiB", peak, margin=allowed, runs=len(runs))
    if peak <= allowed:
        return Finding.passed(measurement)
    return Finding.failed(
        f"a call takes {peak:.0f} MiB beyond what its process had, and a model of {evidence.retraining.model_mib:.1f} MiB with "
        f"{evidence.retraining.data_mib:.1f} MiB of rows is allowed {allowed:.0f}",
        measurement,
    )
