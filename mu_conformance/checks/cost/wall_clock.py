"""cost.wall-clock"""

from __future__ import annotations

import numpy as np

from mu_conformance.checks.catalogue import check
from mu_conformance.decision.finding import Finding, Measurement
from mu_conformance.evidence.base import Evidence

MARGIN = 3.0
"""Largest tolerated multiple of retraining. Retraining itself measures about 1; a machine can be twice as slow for a
while, and a method slower than this is no alternative to retraining at all."""
START_UP_S = 2.0
"""Seconds that a call may take for imports and the like, whatever retraining takes."""


@check("cost.wall-clock", Evidence)
def wall_clock(evidence: Evidence) -> Finding:
    """A call costs no more than three times what retraining from scratch costs here.

    Decided on the operating system's processor seconds of the call (its descendants included), the median over runs, so
    that a busy machine does not fail a method; wall seconds are reported, and under ``--mu-budget``, which counts them,
    FLOPs. Retraining is its number of steps times a step measured on the machine that judges.
    """
    count = evidence.profile.looks[0]
    evidence.runs(count)
    runs = evidence.records(count)
    cpu = float(np.median([run.total(lambda call: call.cpu_s) for run in runs]))
    wall = float(np.median([run.total(lambda call: call.wall_s) for run in runs]))
    retrain = evidence.retraining.cpu_s
    ratio = cpu / retrain
    shares = [share for run in runs if (share := evidence.flops_share(run)) is not None]
    measurements = [
        Measurement(
            "processor seconds, times retraining", ratio, margin=MARGIN, runs=len(runs), key="times_retraining"
        ),
        Measurement("wall seconds", wall, runs=len(runs)),
        Measurement("processor seconds of retraining", retrain, key="retraining_cpu_s"),
    ]
    if shares:
        measurements.append(Measurement("FLOPs, times retraining", float(np.median(shares)), runs=len(shares)))
    if cpu <= MARGIN * retrain + START_UP_S:
        return Finding.passed(*measurements)
    return Finding.failed(
        f"a call takes {cpu:.1f} processor seconds, {ratio:.1f} times what retraining takes here ({retrain:.1f} s); "
        f"more than {MARGIN:g} times is not an alternative to retraining",
        *measurements,
    )
