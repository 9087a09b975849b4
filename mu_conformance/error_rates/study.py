"""Measure one task's error rates: the type I error rate, and how often partial forgetting is detected."""

from __future__ import annotations

import collections
import concurrent.futures
import dataclasses
import multiprocessing
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mu_conformance.decision.outcome import Outcome
from mu_conformance.error_rates.judgement import draw, judge, models_needed
from mu_conformance.error_rates.pool import Pool
from mu_conformance.error_rates.rates import pooled_rate
from mu_conformance.evidence.outputs import Outputs
from mu_conformance.evidence.populations import Populations
from mu_conformance.scenarios.profiles import PROFILES, Profile
from mu_conformance.scenarios.scenario import DEFAULT_SEED, scenarios
from mu_conformance.store.cache import Store
from mu_conformance.tasks import registry

__all__ = ["Study", "build", "pool_sizes", "study"]

SHARES = (0.05, 0.1, 0.15, 0.2, 0.25, 0.35, 0.5)
"""Shares of the forget rows that a method keeps."""
EASY = (0.05, 0.1, 0.2, 0.3)
"""Shares of the forget rows that a method keeps which chooses the easiest ones."""
SEED = DEFAULT_SEED
"""Suite seed of the pools."""


@dataclasses.dataclass(frozen=True)
class Study:
    """Plans the measurement of one task's error rates."""

    task: str
    """Name of the task."""
    profile: str = "smoke"
    """Name of the profile."""
    shares: tuple[float, ...] = SHARES
    """Shares of the forget rows that a method keeps, each in (0, 1)."""
    judgements: int = 200
    """Number of judgements of exact retraining; half as many are made of each share."""
    replicates: int = 50
    """Number of random halves of the pools (``pooled_rate``)."""
    of_replicate: int = 20
    """Number of judgements on each half."""
    pool: Mapping[str, int] | None = None
    """Number of models of each kind; None: ``pool_sizes``."""
    easy: tuple[float, ...] = EASY
    """Shares of the forget rows that a method keeps which chooses those that a retrained model is surest of."""

    @property
    def sizes(self) -> Mapping[str, int]:
        """Return the number of models of each kind."""
        return self.pool or pool_sizes(PROFILES[self.profile])


def pool_sizes(profile: Profile) -> dict[str, int]:
    """Return the number of models of each kind in a pool.

    A pool has twice what a judgement draws, so that halves have enough. The smallest number of originals, and of
    retrained models, is 64.
    """
    needed = models_needed(profile)
    return {
        "originals": 64,
        "retrained": max(64, 2 * (needed["references"] + needed["runs"])),
        "partial": 2 * needed["runs"],
    }


def _pools(task: str, profile: str, cache: Path, packs: Sequence[Path] = ()) -> list[Pool]:
    """Return the pool of each scenario of a task."""
    populations = Populations(Store(cache, packs))
    populations.store.open()
    found = registry.find_task(task)
    return [
        Pool(scenario, populations)
        for scenario in scenarios(found, PROFILES[profile], SEED, estimate=populations.memorization)
    ]


def _members(plan: Study) -> list[tuple[str, float, int]]:
    """Return every model of a pool: its kind, the share of forget rows that it keeps, its number."""
    sizes = plan.sizes
    found = [("original", 1.0, number) for number in range(sizes["originals"])]
    found += [("retrained", 0.0, number) for number in range(sizes["retrained"])]
    kept = [("partial", share) for share in plan.shares] + [("easy", share) for share in plan.easy]
    return found + [(what, share, number) for what, share in kept for number in range(sizes["partial"])]


def _get(pool: Pool, what: str, share: float, number: int) -> Outputs:
    """Return the outputs of one model of a pool."""
    if what in ("partial", "easy"):
        return getattr(pool, what)(share, number)
    return pool.original(number) if what == "original" else pool.retrained(number)


def _train_some(plan: Study, cache: Path, packs: tuple[Path, ...], part: int, parts: int) -> int:
    """Train every ``parts``-th model of the pools, beginning with ``part``; return the number of artefacts built."""
    import torch

    torch.set_num_threads(1)
    pools = _pools(plan.task, plan.profile, cache, packs)
    for pool in pools:
        for what, share, number in _members(plan)[part::parts]:
            _get(pool, what, share, number)
            # Nothing is judged here, so the outputs of thousands of models need not stay in memory.
            pool.populations.store.used.clear()
    return pools[0].populations.store.built if pools else 0


def build(plan: Study, cache: Path, packs: Sequence[Path] = (), *, processes: int = 1) -> int:
    """Train the models that a task's pools lack; return the number of artefacts built.

    Each model is saved as soon as it is trained, so an interrupted build resumes.

    Args:
        plan: the plan.
        cache: folder of the cache.
        packs: packs to read before the cache.
        processes: number of processes.
    """
    if processes == 1:
        return _train_some(plan, cache, tuple(packs), 0, 1)
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(processes, mp_context=context) as executor:
        parts = [executor.submit(_train_some, plan, cache, tuple(packs), at, processes) for at in range(processes)]
        return sum(part.result() for part in parts)


def study(
    plan: Study, cache: Path, packs: Sequence[Path] = (), say: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """Return the rates, as plain JSON. The pools are read from the store, or built.

    Args:
        plan: the plan.
        cache: folder of the cache.
        packs: packs to read before the cache.
        say: function that is told of each step, in one line.
    """
    profile = PROFILES[plan.profile]
    pools = _pools(plan.task, plan.profile, cache, packs)
    models: dict[tuple[int, str, float], list[Outputs]] = {}
    for at, pool in enumerate(pools):
        for what, share, number in _members(plan):
            models.setdefault((at, what, share), []).append(_get(pool, what, share, number))
    say(f"{plan.task}: {sum(map(len, models.values()))} models of {len(pools)} scenarios")
    not_passed: collections.Counter[str] = collections.Counter()
    by_scenario: collections.Counter[str] = collections.Counter()

    def wrong(what: str, share: float) -> Callable[[list[np.ndarray], np.random.Generator], bool]:
        """Return a function that judges methods keeping that share of the forget rows; True if not conformant."""

        def happens(members: list[np.ndarray], generator: np.random.Generator) -> bool:
            bad = False
            for at, pool in enumerate(pools):
                originals, retrained, others = (
                    [models[at, kind, kept][number] for number in chosen]
                    for (kind, kept), chosen in zip(
                        (("original", 1.0), ("retrained", 0.0), (what, share)),
                        members[3 * at : 3 * at + 3],
                        strict=True,
                    )
                )
                drawn = draw(pool.scenario, profile, generator, originals, retrained, others if share else None)
                failed = [check for check, outcome in judge(drawn).items() if outcome is not Outcome.PASSED]
                not_passed.update(f"{pool.scenario.name} {check}" for check in failed)
                by_scenario[pool.scenario.name] += bool(failed)
                bad = bad or bool(failed)
            return bad

        return happens

    sizes = plan.sizes
    rates: dict[str, dict[float, dict[str, Any]]] = {"retrained": {}, "partial": {}, "easy": {}}
    kept = [("partial", share) for share in plan.shares] + [("easy", share) for share in plan.easy]
    for what, share in [("retrained", 0.0), *kept]:
        not_passed.clear()
        by_scenario.clear()
        judgements = plan.judgements if share == 0 else -(-plan.judgements // 2)
        rate = pooled_rate(
            [sizes["originals"], sizes["retrained"], sizes["partial" if share else "retrained"]] * len(pools),
            wrong(what, share),
            judgements=judgements,
            replicates=plan.replicates if share == 0 else 0,
            of_replicate=plan.of_replicate,
        )
        total = judgements + (plan.replicates * plan.of_replicate if share == 0 else 0)
        rates[what][share] = {
            **rate.to_json(),
            "by_scenario": {name: round(count / total, 4) for name, count in by_scenario.most_common()},
            "not_passed_by_check": {name: round(count / total, 4) for name, count in not_passed.most_common()},
        }
        say(f"{plan.task}: {share:g} of the forget rows kept ({what}), not conformant in {rate.estimate:.1%}")
    return {
        "task": plan.task,
        "profile": plan.profile,
        "pool": dict(sizes),
        "scenarios": [pool.scenario.name for pool in pools],
        "false_alarm_rate": rates["retrained"][0.0],
        "detection": [{"kept": share, **rate} for share, rate in rates["partial"].items()],
        "detection_easy": [{"kept": share, **rate} for share, rate in rates["easy"].items()],
    }
