"""Show how far rounding moves the originals' statistics, as a basis for the precision at which weights are judged.

    python benchmarks/rounding.py tabular biography --bits 7 8 10

For each task's first smoke scenario, the command prints the largest change of a logit on forget rows, and the largest
changes of statistics, each divided by its check's margin. The models are from the packs.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Mapping

import torch

from mu_conformance.error_rates.judgement import DrawnEvidence, deciding
from mu_conformance.evidence.outputs import Outputs
from mu_conformance.evidence.populations import Populations
from mu_conformance.evidence.rounding import KEPT_BITS, rounded
from mu_conformance.scenarios.profiles import PROFILES
from mu_conformance.scenarios.scenario import DEFAULT_SEED, Scenario, scenarios
from mu_conformance.store.cache import Store, default_cache
from mu_conformance.store.pack import packaged_packs
from mu_conformance.tasks import registry

State = Mapping[str, torch.Tensor]


def model_of(scenario: Scenario, state: State) -> torch.nn.Module:
    """Return the model with these weights."""
    model = scenario.task.new_model(0, scenario.architecture)
    model.load_state_dict(dict(state))
    return model


def measured(
    scenario: Scenario, populations: Populations, states: list[State]
) -> dict[tuple[str, str], tuple[float, float]]:
    """Return value and margin of each decided measurement, by check and name, with these models as the runs."""
    profile = dataclasses.replace(PROFILES["smoke"], looks=(len(states),))
    originals = [populations.original(scenario, number) for number in range(4)]
    references = [populations.reference(scenario, number) for number in range(profile.references)]
    runs = [Outputs.of(model_of(scenario, state), scenario) for state in states]
    evidence = DrawnEvidence(scenario, profile, originals, references, runs)
    return {
        (check.id, found.name): (found.value, found.margin)
        for check in deciding(evidence)
        for found in check.function(evidence).measurements
        if found.margin is not None and found.references is not None
    }


def logits_moved(scenario: Scenario, state: State, bits: int) -> float:
    """Return the largest change of a logit on the forget rows."""
    rows, task = scenario.rows["forget"], scenario.task
    before, after = (task.logits_of(model_of(scenario, one), rows) for one in (state, rounded(state, bits)))
    return float((after - before).abs().max())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", nargs="*", default=registry.task_names())
    parser.add_argument("--bits", type=int, nargs="+", default=[KEPT_BITS])
    parser.add_argument("--originals", type=int, default=2)
    arguments = parser.parse_args()
    populations = Populations(Store(default_cache(), packaged_packs()))
    populations.store.open()
    smoke = PROFILES["smoke"]
    for name in arguments.task:
        scenario = scenarios(registry.find_task(name), smoke, DEFAULT_SEED, estimate=populations.memorization)[0]
        states: list[State] = [populations.original_state(scenario, number) for number in range(arguments.originals)]
        before = measured(scenario, populations, states)
        print(scenario.name, flush=True)
        for bits in arguments.bits:
            after = measured(scenario, populations, [rounded(state, bits) for state in states])
            moved = sorted(
                ((abs(after[key][0] - before[key][0]) / before[key][1], *key) for key in after), reverse=True
            )
            furthest = "; ".join(f"{share:.3f} {check}: {name}" for share, check, name in moved[:3])
            logits = max(logits_moved(scenario, state, bits) for state in states)
            print(f"  {bits} bits: logits {logits:.2g}; of the margin {furthest}", flush=True)


if __name__ == "__main__":
    main()
