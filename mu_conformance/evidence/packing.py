"""Make reference packs: all that judging under the default seed takes from the store, in one file."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import torch

from mu_conformance.evidence.populations import Populations
from mu_conformance.scenarios.profiles import Profile
from mu_conformance.scenarios.scenario import DEFAULT_SEED, Scenario, scenarios
from mu_conformance.store.artefact import Artefact
from mu_conformance.store.cache import Store
from mu_conformance.store.pack import write_pack
from mu_conformance.tasks import Task

__all__ = ["pack"]


def _artefacts_of(task: Task, profile: Profile, store: Store, say: Callable[[str], None]) -> list[Artefact]:
    """Return every artefact that judging a method on ``task`` takes from the store, built where it is missing."""
    populations = Populations(store)
    left_out = set()
    for scenario in scenarios(task, profile, DEFAULT_SEED, estimate=populations.memorization):

        def make(what: str, count: int, get: Callable[[Scenario, int], object], scenario: Scenario = scenario) -> None:
            for number in range(count):
                built = store.built
                get(scenario, number)
                how = "built" if store.built > built else "from the cache"
                say(f"{scenario.name}: {what} {number + 1} of {count}, {how}")

        make("outputs of original", max(2, profile.looks[0]), populations.original)
        # The last look is rarely needed. The originals of that look are trained only then, and the pack is half the
        # size.
        make("weights of original", max(profile.looks[:-1], default=profile.looks[0]), populations.original_state)
        make("outputs of reference", profile.references, populations.reference)
        for number in range(profile.references):
            seed = scenario.reference_seed(number)
            left_out.add(populations.model_key(scenario, scenario.retain, seed))
    return [artefact for key, artefact in store.used.items() if key not in left_out]


def pack(
    task: Task,
    profile: Profile,
    cache: Path,
    folder: Path,
    say: Callable[[str], None] = lambda _: None,
) -> Path:
    """Write ``folder/pack.safetensors`` for the default seed, and return its path.

    The pack has all outputs, and the weights of the originals. Weights of references are left out: a method is called
    on originals only, and checks read only the outputs of references. Everything built stays in ``cache``, so a stopped
    build resumes. The file appears when it is complete.

    Raises ``StoreError`` or ``OSError`` if a directory cannot be used.

    Args:
        task: the task.
        profile: profile whose scenarios are packed.
        cache: folder of the cache.
        folder: folder of the pack.
        say: function that is told of each step, in one line.
    """
    torch.set_num_threads(1)  # as in a judgement, because more threads sum in another order
    store = Store(cache)
    store.open()
    artefacts = _artefacts_of(task, profile, store, say)
    option = "" if profile.name == "smoke" else f" --profile {profile.name}"
    path = folder / "pack.safetensors"
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        write_pack(partial, artefacts, f"mu-conformance store pack {task.name}{option}")
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    say(f"wrote {path}: {len(artefacts)} artefacts, {path.stat().st_size / 1e6:.1f} MB")
    return path
