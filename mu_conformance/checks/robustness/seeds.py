"""robustness.seeds"""

from __future__ import annotations

import numpy as np

from mu_conformance.checks.catalogue import check
from mu_conformance.checks.comparison import join
from mu_conformance.checks.power import gap, reference_values, require_power, values
from mu_conformance.checks.statistics import utility
from mu_conformance.checks.statistics.caching import Statistic
from mu_conformance.decision.finding import Finding, Measurement, Population
from mu_conformance.decision.interval import difference_interval
from mu_conformance.decision.outcome import Outcome, Sides
from mu_conformance.decision.rule import decide
from mu_conformance.evidence.base import Evidence

SPREADS = 4.5
"""Reference deviations within which every run must lie: of 1000 runs of retraining none is expected outside."""
SCORE = 0.1


@check("robustness.seeds", Evidence)
def seeds(evidence: Evidence) -> Finding:
    """Every single run forgets and is of use, not only their mean.

    A method that works for one model and not for the next is no use to who asks for deletion. Decided on the worst run
    of the first look: on the forgetting measure that tells originals from references best it must lie nearer the
    references than half of the way, and its test score no more than 0.1 below theirs; both no less than 4.5 of their
    standard deviations away.
    """
    power = require_power(evidence)
    ahead = gap(evidence, power.statistic)
    return join(
        _worst(
            evidence,
            power.measure,
            power.statistic,
            Sides.ABOVE if ahead > 0 else Sides.BELOW,
            abs(ahead) / 2,
            "is hardly moved from what the original does",
        ),
        _worst(evidence, "test score", utility.test_score, Sides.BELOW, SCORE, "is of little use"),
    )


def _worst(
    evidence: Evidence, name: str, statistic: Statistic[float], sides: Sides, least: float, what: str
) -> Finding:
    references = reference_values(evidence, statistic)
    runs = evidence.runs(evidence.profile.looks[0])
    found = values(evidence, statistic, runs)
    tolerated = max(least, SPREADS * float(references.std(ddof=1)))
    worst = int(found.argmax() if sides is Sides.ABOVE else found.argmin())
    # The run is what it is, no sample of others: only where the references' mean lies is uncertain.
    interval = difference_interval(np.full(2, found[worst]), references, evidence.profile.level)
    outcome = decide(interval, tolerated, sides)
    measurement = Measurement(
        name=f"{name} of the worst run",
        value=float(found[worst]),
        interval=interval,
        margin=tolerated,
        references=Population.of(references),
        runs=len(runs),
        sides=sides,
    )
    if outcome is Outcome.PASSED:
        return Finding.passed(measurement)
    return Finding(
        outcome,
        f"run {worst} {what}: its {name} is {found[worst]:.3f}, of {len(references)} references {references.mean():.3f}, and "
        f"no run may lie further away than {tolerated:.3f}; the median run has {np.median(found):.3f}",
        (measurement,),
    )
