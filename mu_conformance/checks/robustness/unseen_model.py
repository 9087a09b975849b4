"""robustness.unseen-model"""

from __future__ import annotations

import numpy as np

from mu_conformance.checks.catalogue import Subject, check
from mu_conformance.checks.comparison import gap, reference_values, require_power
from mu_conformance.checks.statistics import forgetting as statistics
from mu_conformance.decision.finding import Finding, Measurement
from mu_conformance.decision.rule import Outcome, Sides, decide, difference_interval
from mu_conformance.evidence.base import Evidence
from mu_conformance.tasks import Task

LOOKS = (1, 4, 8)
"""Not 2: with one degree of freedom the interval is 38 standard errors to each side, and decides nothing."""
LEVEL = 1 - 0.05 / len(LOOKS)


def _first_kind(task: Task, kind: str) -> bool:
    """On one kind of forget set, and not where an original takes a published checkpoint and hours."""
    return kind == task.forget_sets[0] and not task.from_checkpoint


@check("robustness.unseen-model", Subject.EVIDENCE, applies=_first_kind)
def unseen_model(evidence: Evidence) -> Finding:
    """An original that was trained just now, from a seed that nothing foretells, is unlearned as those are that ship.

    Shipped originals and the seeds of requests on them are known to everybody: a method can recognise them and return what it
    prepared. Decided on the forgetting measure that tells originals from references best: runs on unseen originals must lie
    nearer the references than half of the way. One run is enough for most methods; four and eight follow where it is not.
    """
    require_power(evidence)
    name, _ = evidence.memo["power"]
    statistic = statistics.FORGETTING[name]
    references = reference_values(evidence, statistic)
    ahead = gap(evidence, statistic)
    original = float(references.mean()) + ahead
    sides, tolerated = (Sides.ABOVE if ahead > 0 else Sides.BELOW), abs(ahead) / 2
    for count in LOOKS:
        runs = np.array([statistic(evidence, own, evidence.references) for own in evidence.unseen_runs(count)])
        interval = difference_interval(runs, references, LEVEL)
        outcome = decide(interval, tolerated, sides)
        if outcome is not Outcome.INCONCLUSIVE:
            break
    measurement = Measurement(
        name=f"{name} on unseen originals",
        value=float(runs.mean()),
        interval=interval,
        margin=tolerated,
        original=original,
        references=(float(references.mean()), float(references.std(ddof=1)), len(references)),
        runs=len(runs),
        sides=sides,
    )
    if outcome is Outcome.PASSED:
        return Finding.passed(measurement)
    return Finding(
        outcome,
        f"{name} of {len(runs)} runs on originals that were trained just now is {runs.mean():.3f}, of references "
        f"{references.mean():.3f}, of originals {original:.3f}: not what the method does to originals that ship with the suite",
        (measurement,),
    )
