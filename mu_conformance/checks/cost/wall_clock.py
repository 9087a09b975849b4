"""cost.wall-clock"""

from __future__ import annotations

import numpy as np

from mu_conformance.checks.catalogue import check
from mu_conformance.decision.finding import Finding, Measurement
from mu_conformance.evidence.base import Evidence

MARGIN = 3.0
"""Largest tolerated multiple of retraining.

Retraining itself measures about 1, and a machine can be twice as slow for a while.
"""
START_UP_S = 2.0
"""Seconds allowed for imports and the like, whatever retraining takes."""


@check("cost.wall-clock", Evidence)
def wall_clock(evidence: Evidence) -> Finding:
    """A call costs no more than three times the cost of retraining from scratch on this machine.

    **Why.** A method slower than this is no alternative to retraining at all.

    **Decision.** The statistic is the operating system's processor seconds of the call and its descendants, the median
    over the runs of the first look. Processor seconds keep a busy machine from failing a method. ``START_UP_S`` seconds
    more are allowed, whatever retraining takes. Under ``--mu-budget`` only the budget's share of retraining counts as
    its cost, because FLOPs are counted in the method's own process, which can switch the counting off. Wall seconds are
    reported, and so are FLOPs under a budget. The cost of retraining is its number of steps times a step measured on
    the judging machine. The comparison is one-sided: a cheaper call never fails.

    **Level.** MUST: a call that costs several times retraining makes the result unusable as an alternative to
    retraining.

    **If it fails.** The method takes more steps than retraining does, or steps that are far more expensive.

    **Try.** Reduce the steps, or the work for each row. Compute once what does not change, such as the original's
    outputs.

    **References.** None.
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
        Measurement("wall seconds", wall, runs=len(runs), key="wall_s"),
        Measurement("processor seconds of retraining", retrain, key="retraining_cpu_s"),
    ]
    if shares:
        measurements.append(
            Measurement("FLOPs, times retraining", float(np.median(shares)), runs=len(shares), key="flops_share")
        )
    share = evidence.task.conditions.budget
    if cpu <= MARGIN * retrain * (1.0 if share is None else share) + START_UP_S:
        return Finding.passed(*measurements)
    allowed = "is not an alternative to retraining" if share is None else f"the budget of {share:g} is too much"
    return Finding.failed(
        f"a call takes {cpu:.1f} processor seconds, {ratio:.1f} times what retraining takes here ({retrain:.1f} s); "
        f"more than {MARGIN:g} times {allowed}",
        *measurements,
    )
