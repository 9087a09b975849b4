"""robustness.unseen-model"""

from __future__ import annotations

from mu_conformance.checks.catalogue import check
from mu_conformance.checks.power import gap, reference_values, require_power, values
from mu_conformance.checks.sequential import decide_at_looks
from mu_conformance.decision.finding import Finding, Measurement, Population, Values
from mu_conformance.decision.outcome import Outcome, Sides
from mu_conformance.evidence.base import Evidence
from mu_conformance.tasks import Task

LOOKS = (1, 4, 8)
"""Numbers of runs at each look.

2 is left out: with one degree of freedom the interval is 38 standard errors to each side, and decides nothing.
"""
LEVEL = 1 - 0.05 / len(LOOKS)
"""Level of each interval; the type I error rate is shared over the looks."""


def _first_kind(task: Task, kind: str) -> bool:
    """Return whether the kind is the task's first one, and originals are not fine-tuned from a checkpoint for hours."""
    return kind == task.forget_sets[0] and not task.from_checkpoint


@check("robustness.unseen-model", Evidence, applies=_first_kind)
def unseen_model(evidence: Evidence) -> Finding:
    """An original trained just now, from an unpredictable seed, is unlearned as the shipped originals are.

    **Why.** Shipped originals and the seeds of requests on them are public. A method can recognise them and return a
    model that it prepared.

    **Decision.** The statistic is the forgetting measure with the largest effect size (Glass's delta) between originals
    and references. The comparison is one-sided, towards the originals: runs on unseen originals must lie nearer the
    references than half of the way. One run is enough for most methods. Four and eight follow where one is not
    conclusive.

    **Level.** MUST: a claim cannot be believed if it holds on known models only.

    **If it fails.** The runs lie near the originals, unlike those on originals that ship with the suite. Either the
    method recognises the shipped models, or it is tuned to them.

    **Try.** Remove special cases for known models, seeds or data. Tune on originals that you trained yourself.

    **References.** None.
    """
    power = require_power(evidence)
    name, statistic = power.measure, power.statistic
    references = reference_values(evidence, statistic)
    ahead = gap(evidence, statistic)
    original = float(references.mean()) + ahead
    sides, tolerated = (Sides.ABOVE if ahead > 0 else Sides.BELOW), abs(ahead) / 2
    decision = decide_at_looks(
        LOOKS,
        LEVEL,
        lambda count: values(evidence, statistic, evidence.unseen_runs(count)),
        references,
        tolerated,
        sides,
    )
    runs = decision.runs
    measurement = Measurement(
        name=f"{name} on unseen originals",
        value=float(runs.mean()),
        interval=decision.interval,
        margin=tolerated,
        original=original,
        references=Population.of(references),
        runs=len(runs),
        sides=sides,
        values=Values.of(runs, references),
    )
    if decision.outcome is Outcome.PASSED:
        return Finding.passed(measurement)
    return Finding(
        decision.outcome,
        f"{name} of {len(runs)} runs on originals that were trained just now is {runs.mean():.3f}, of references "
        f"{references.mean():.3f}, of originals {original:.3f}: not what the method does to originals that ship with "
        "the suite",
        (measurement,),
    )
