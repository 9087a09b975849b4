"""cost.peak-memory"""

from __future__ import annotations

import numpy as np

from mu_conformance.checks.catalogue import check
from mu_conformance.decision.finding import Finding, Measurement
from mu_conformance.evidence.base import Evidence

FLOOR_MIB = 512.0
"""MiB allowed whatever the size of model and data."""
MODELS, DATA_SETS = 64, 4
"""Copies of the model and of the data that are allowed.

Training with AdamW holds four times the weights, and the activations of a batch, which take most of the memory. The
limit is far above both.
"""


@check("cost.peak-memory", Evidence)
def peak_memory(evidence: Evidence) -> Finding:
    """A call needs no more memory than 512 MiB plus 64 copies of the model and four of the data.

    **Why.** A gradient for every row, or a Hessian, exceeds this limit on a model of any size.

    **Decision.** The statistic is the largest resident memory of the method's process and its descendants, beyond its
    memory at the start. The median over the runs of the first look is compared with the limit. The comparison is
    one-sided: less memory never fails. Retraining stays far below the limit.

    **Level.** MUST: a call that exhausts the caller's memory makes the result unusable.

    **If it fails.** Usual causes are a gradient for every row and a Hessian, each held at once.

    **Try.** Accumulate over rows, or keep an approximation such as a diagonal.

    **References.** None.
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
        f"a call takes {peak:.0f} MiB beyond what its process had, and a model of "
        f"{evidence.retraining.model_mib:.1f} MiB with {evidence.retraining.data_mib:.1f} MiB of rows is allowed "
        f"{allowed:.0f}",
        measurement,
    )
