"""Show the effect of each recovery attack on references and originals, as a basis for the robustness checks' margins.

    python benchmarks/recovery.py tabular image_classification

For each smoke scenario, the command prints mean and standard deviation over 32 references, and over the originals of
the first look. The statistics are the loss attack's AUC, the gain of it by each attack, and the CKA with references.
The models are from the packs.
"""

from __future__ import annotations

import argparse

from mu_conformance.checks.power import reference_values, values
from mu_conformance.checks.statistics import membership, recovery, representation
from mu_conformance.error_rates.judgement import DrawnEvidence
from mu_conformance.evidence.populations import Populations
from mu_conformance.evidence.recovery import attacks_of
from mu_conformance.scenarios.profiles import PROFILES
from mu_conformance.scenarios.scenario import DEFAULT_SEED, scenarios
from mu_conformance.store.cache import Store, default_cache
from mu_conformance.store.pack import packaged_packs
from mu_conformance.tasks import registry


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", nargs="*", default=registry.task_names())
    smoke = PROFILES["smoke"]
    populations = Populations(Store(default_cache(), packaged_packs()))
    populations.store.open()
    for name in parser.parse_args().task:
        task = registry.find_task(name)
        measured = {"AUC": membership.loss_auc, "CKA": representation.representation_alignment}
        measured |= {f"gain, {one.name}": recovery.recovery_gain(one.name) for one in attacks_of(task)}
        for scenario in scenarios(task, smoke, DEFAULT_SEED):
            references = [populations.reference(scenario, number) for number in range(smoke.references)]
            originals = [populations.original(scenario, number) for number in range(smoke.looks[0])]
            evidence = DrawnEvidence(scenario, smoke, originals, references, [])
            print(scenario.name)
            for what, statistic in measured.items():
                own = reference_values(evidence, statistic)
                theirs = values(evidence, statistic, originals)
                print(
                    f"  {what:22s} references {own.mean():+.3f} ± {own.std(ddof=1):.3f}   "
                    f"originals {theirs.mean():+.3f} ± {theirs.std(ddof=1):.3f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
