"""Compare each margin with the references' standard deviation, and so predict how often exact retraining fails it.

    python benchmarks/margins.py
    python benchmarks/margins.py sentiment --profile standard --originals 3 --references 12

For each scenario, the command lists the margins below ``--most`` deviations, the tightest first. Beside each stands the
chance that retraining passes at the profile's last look. This is the chance that a Welch interval on normal values of
the same mean and deviation lies inside the margin. A chance below 0.99 predicts type I errors.

References stand in for the runs, so nothing is unlearned. The smoke profile takes all models from the packs, and other
profiles train missing ones. LiRA's deviations are too large where there are few references.
"""

from __future__ import annotations

import argparse
import itertools
import math
from collections.abc import Iterator
from pathlib import Path

from scipy.stats import norm, t

from mu_conformance.decision.finding import Measurement
from mu_conformance.decision.outcome import Sides
from mu_conformance.error_rates.judgement import DrawnEvidence, deciding
from mu_conformance.evidence.populations import Populations
from mu_conformance.scenarios.profiles import PROFILES, Profile
from mu_conformance.scenarios.scenario import DEFAULT_SEED, Scenario, scenarios
from mu_conformance.store.cache import Store, default_cache
from mu_conformance.store.pack import packaged_packs
from mu_conformance.tasks import registry


def chance(deviations: float, profile: Profile, sides: Sides) -> float:
    """Return the chance that exact retraining passes at the last look.

    Args:
        deviations: width of the margin, in standard deviations of the references.
        profile: gives looks, references and confidence level.
        sides: departures that count.
    """
    runs, references = profile.looks[-1], profile.references
    error = math.sqrt(1 / runs + 1 / references)
    room = (deviations - t.ppf((1 + profile.level) / 2, runs + references - 2) * error) / error
    return max(0.0, float(norm.cdf(room) - (norm.cdf(-room) if sides is Sides.BOTH else 0.0)))


def measured(
    scenario: Scenario, profile: Profile, populations: Populations, originals: int, references: int
) -> Iterator[tuple[str, Measurement]]:
    """Yield every measurement that a check decides on, with the check's id.

    Args:
        scenario: the scenario to judge.
        profile: gives the number of runs at the last look.
        populations: originals and references.
        originals: number of originals.
        references: number of references, which also stand in for the runs.
    """
    retrained = [populations.reference(scenario, number) for number in range(references)]
    runs = list(itertools.islice(itertools.cycle(retrained), profile.looks[-1]))
    own = [populations.original(scenario, number) for number in range(originals)]
    evidence = DrawnEvidence(scenario, profile, own, retrained, runs)
    for check in deciding(evidence):
        for found in check.function(evidence).measurements:
            if found.margin is not None and found.references is not None:
                yield check.id, found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", nargs="*", default=registry.task_names())
    parser.add_argument("--profile", default="smoke", choices=list(PROFILES))
    parser.add_argument("--originals", type=int, default=4)
    parser.add_argument("--references", type=int, default=32)
    parser.add_argument("--most", type=float, default=2.0, help="deviations; default 2")
    parser.add_argument("--cache", type=Path, default=default_cache())
    arguments = parser.parse_args()
    profile = PROFILES[arguments.profile]
    populations = Populations(Store(arguments.cache, packaged_packs()))
    populations.store.open()
    for name in arguments.task:
        for scenario in scenarios(registry.find_task(name), profile, DEFAULT_SEED, estimate=populations.memorization):
            print(scenario.name, flush=True)
            tight = [
                (found.margin / found.references[1], check, found)
                for check, found in measured(scenario, profile, populations, arguments.originals, arguments.references)
                if found.references[1] > 0
            ]
            for deviations, check, found in sorted(tight, key=lambda one: one[0]):
                if deviations < arguments.most:
                    passes = chance(deviations, profile, found.sides)
                    print(f"  {deviations:5.2f}  {passes:.4f}  {check}: {found.name}, margin {found.margin:.3f}")


if __name__ == "__main__":
    main()
