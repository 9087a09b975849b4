"""robustness.seeds"""

from __future__ import annotations

import numpy as np

from mu_conformance.checks.catalogue import check
from mu_conformance.checks.comparison import join
from mu_conformance.checks.power import gap, reference_values, require_power, values
from mu_conformance.checks.statistics import utility
from mu_conformance.checks.statistics.caching import Statistic
from mu_conformance.decision.finding import Finding, Measurement, Population, Values
from mu_conformance.decision.interval import difference_interval
from mu_conformance.decision.outcome import Outcome, Sides
from mu_conformance.decision.rule import decide
from mu_conformance.evidence.base import Evidence

SPREADS = 4.5
"""Reference deviations within which every run must lie. None of 1000 runs of retraining is expected outside."""
SCORE = 0.1
"""Largest tolerated drop of the test score, in the score's own units."""


@check("robustness.seeds", Evidence)
def seeds(evidence: Evidence) -> Finding:
    """Every single run forgets and stays useful, not only the mean of the runs.

    **Why.** A method that works for one model and not for the next is of no use to a caller who asks for deletion.

    **Decision.** The worst run of the first look is decided on, with two statistics. The first is the forgetting
    measure with the largest effect size (Glass's delta) between originals and references. The run must lie nearer the
    references than half of the way to the originals. The second is the test score, which may lie 0.1 below the
    references' at most. Each limit is at least 4.5 reference standard deviations. The comparison is one-sided: only the
    side of the originals counts, and only a lower test score.

    **Level.** MUST: deleted data may survive in the outputs of single models.

    **If it fails.** Above the references: one run hardly moved from its original, while the mean may pass. Usual causes
    are early stopping that triggers by chance, and an unstable ascent. Below the references: one run lost its use,
    while the mean may pass. If the measure is the standardised loss difference, that run hardly moved from its original
    instead. Usual causes are an unstable ascent, and a step size near the edge of divergence.

    **Try.** Take smaller steps, and a fixed number of them instead of early stopping. Try the method on several
    originals and seeds.

    **References.** None.
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
    """Decide a statistic on the run that departs most; ``what`` says in the message what is wrong with that run."""
    references = reference_values(evidence, statistic)
    runs = evidence.runs(evidence.profile.looks[0])
    found = values(evidence, statistic, runs)
    tolerated = max(least, SPREADS * float(references.std(ddof=1)))
    worst = int(found.argmax() if sides is Sides.ABOVE else found.argmin())
    # The run is a single model, not a sample of others. Only the references' mean is uncertain.
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
        values=Values.of(found, references),
    )
    if outcome is Outcome.PASSED:
        return Finding.passed(measurement)
    return Finding(
        outcome,
        f"run {worst} {what}: its {name} is {found[worst]:.3f}, of {len(references)} references "
        f"{references.mean():.3f}, and no run may lie further away than {tolerated:.3f}; the median run has "
        f"{np.median(found):.3f}",
        (measurement,),
    )
