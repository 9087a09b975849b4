"""The reference packs that ship: they hold what a smoke run needs, and rebuilding one gives the same populations."""

from __future__ import annotations

import numpy as np
import pytest

from mu_conformance.checks.statistics import membership, utility
from mu_conformance.evidence.populations import Populations
from mu_conformance.evidence.stored import StoredEvidence
from mu_conformance.scenarios.profiles import PROFILES
from mu_conformance.scenarios.scenario import DEFAULT_SEED, scenarios
from mu_conformance.store.cache import Store
from mu_conformance.store.pack import packaged_packs
from mu_conformance.tasks import registry

SMOKE = PROFILES["smoke"]
TOLERANCE = 5.0
"""In standard deviations of the packaged population: other processors round differently, which training amplifies."""


def evidence_of(scenario, store: Store) -> StoredEvidence:
    return StoredEvidence(scenario, Populations(store), SMOKE)


@pytest.mark.parametrize("task", sorted(registry.tasks()))
def test_a_fresh_install_trains_nothing_before_it_judges(task, tmp_path):
    store = Store(tmp_path / "empty", packaged_packs())
    for scenario in scenarios(registry.find_task(task), SMOKE, DEFAULT_SEED):
        evidence = evidence_of(scenario, store)
        assert len(evidence.references) == SMOKE.references
        assert len(evidence.originals) >= SMOKE.looks[0]
        for number in range(SMOKE.looks[0]):
            assert evidence.populations.original_state(scenario, number)
    assert store.built == 0


@pytest.mark.parametrize("task", sorted(registry.tasks()))
def test_a_rebuilt_reference_agrees_with_the_packaged_ones(task, tmp_path):
    scenario = scenarios(registry.find_task(task), SMOKE, DEFAULT_SEED)[0]
    packaged = evidence_of(scenario, Store(tmp_path / "empty", packaged_packs()))
    # an original differs in its rows alone, and takes as long again
    rebuilt = Populations(Store(tmp_path / "cache")).reference(scenario, 0)
    for statistic in (membership.loss_auc, utility.test_score, utility.retain_score):
        known = np.array([statistic(scenario, one) for one in packaged.references])
        # 0.02: what a population that agrees exactly, such as accuracy 1 on retain rows, may be off by
        tolerated = max(TOLERANCE * known.std(ddof=1), 0.02)
        assert abs(statistic(scenario, rebuilt) - known.mean()) <= tolerated, statistic
