"""Measure how often exact retraining passes robustness.few-rows, and how often doing nothing fails it.

    python benchmarks/few_rows.py image_classification tabular action_recognition

Judgements are drawn from a pool, because ``validate`` has no such models. For each task, models are retrained without
one row. There are ``RUNS`` of them for each of the ``ROWS`` forget rows on which originals and references differ most
clearly. A judgement draws disjoint originals, references and runs, and decides by the check itself on these rows.

The models are saved in the cache, so a stopped command resumes. Intervals are Clopper and Pearson's. They are too
narrow, because judgements share the models of a pool. The results are in ``RESULTS``.
"""

from __future__ import annotations

import argparse
import json
import types
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mu_conformance.checks import find_check
from mu_conformance.checks.power import Power, fixture_power
from mu_conformance.checks.robustness.few_rows import few_rows
from mu_conformance.checks.statistics.membership import loss_auc, standardised_confidences
from mu_conformance.error_rates.judgement import DrawnEvidence
from mu_conformance.error_rates.rates import clopper_pearson
from mu_conformance.evidence.outputs import Outputs
from mu_conformance.evidence.populations import Populations
from mu_conformance.protocol.seeding import derive_seed
from mu_conformance.scenarios.profiles import PROFILES
from mu_conformance.scenarios.scenario import DEFAULT_SEED, Scenario, scenarios
from mu_conformance.store.cache import Store, default_cache
from mu_conformance.store.pack import packaged_packs
from mu_conformance.tasks import Rows, registry

RESULTS = Path(__file__).resolve().parent / "results" / "few_rows.json"
ROWS, RUNS, REFERENCES, ORIGINALS = 6, 16, 64, 16
"""Forget rows, retrained models for each of them, references and originals."""


def confidences(populations: Populations, scenario: Scenario, rows: Rows, seed: int) -> np.ndarray:
    """Return the standardised confidence on each forget row of the recipe's model trained on ``rows``, [n]."""
    task = scenario.task
    model = task.new_model(0, scenario.architecture)
    model.load_state_dict(populations.model_state(scenario, rows, seed)[0])
    outputs = Outputs.of(model, scenario)
    populations.store.used.clear()
    return standardised_confidences("forget")(scenario, outputs)


def clearest_rows(references: np.ndarray, originals: np.ndarray) -> np.ndarray:
    """Return the ``ROWS`` forget rows on which originals and references differ by most deviations.

    Args:
        references: confidences [models, rows].
        originals: confidences [models, rows].
    """
    gaps = originals.mean(axis=0) - references.mean(axis=0)
    return np.argsort(-gaps / np.maximum(references.std(axis=0, ddof=1), np.abs(gaps) / 1000 + 1e-12))[:ROWS]


def _model(confidences: np.ndarray) -> Outputs:
    """Return the outputs of a model with these standardised confidences."""
    # The holdout rows have mean 0 and deviation 1.
    return Outputs({"forget": confidences, "holdout": np.array([-1.0, 1.0])})  # type: ignore[dict-item]


def judge(
    references: np.ndarray, originals: np.ndarray, runs: dict[int, np.ndarray], generator: np.random.Generator
) -> str:
    """Return the outcome of the check on randomly drawn models.

    Args:
        references: confidences [models, rows].
        originals: confidences [models, rows].
        runs: confidences of runs [models, rows], by the row they lack.
        generator: source of the draws.
    """
    smoke = PROFILES["smoke"]

    def drawn(models: np.ndarray, count: int) -> list[Outputs]:
        return [_model(models[at]) for at in generator.permutation(len(models))[:count]]

    waiting = {row: list(generator.permutation(len(models))) for row, models in runs.items()}
    made: list[Outputs] = []

    class OneRowEach(DrawnEvidence):
        """Gives runs that lack the one row of the request."""

        def few_rows_runs(self, requests: Sequence[np.ndarray]) -> list[Any]:
            for rows in requests[len(made) :]:
                (row,) = map(int, rows)
                made.append(_model(runs[row][waiting[row].pop()]))
            return made

    task = types.SimpleNamespace(confidences=lambda found, rows: found)
    scenario: Any = types.SimpleNamespace(task=task, rows={"forget": None, "holdout": None})
    originals_of, references_of = drawn(originals, smoke.looks[0]), drawn(references, smoke.references)
    evidence = OneRowEach(scenario, smoke, originals_of, references_of, [])  # type: ignore[arg-type]
    evidence.once(fixture_power, lambda _: Power("", loss_auc, 1000.0))
    return str(few_rows(evidence).outcome)


def study(name: str, cache: Path, judgements: int) -> dict[str, Any]:
    """Return the number of judgements by outcome, for models that lack one row and for models that lack none."""
    populations = Populations(Store(cache, packaged_packs()))
    populations.store.open()
    task, check = registry.find_task(name), find_check("robustness.few-rows")
    (scenario,) = [one for one in scenarios(task, PROFILES["smoke"], DEFAULT_SEED) if check.applies_to(task, one.kind)]
    references = np.stack(
        [
            confidences(populations, scenario, scenario.retain, scenario.reference_seed(number))
            for number in range(REFERENCES)
        ]
    )
    originals = np.stack(
        [
            confidences(populations, scenario, scenario.train, scenario.original_seed(number))
            for number in range(ORIGINALS)
        ]
    )
    chosen = clearest_rows(references, originals)
    retrained, every = {}, np.arange(len(scenario.train))
    for at, row in enumerate(chosen):
        kept = scenario.train.select(np.setdiff1d(every, scenario.forget_set.indices[row]))
        seeds = [derive_seed(scenario.seed, "without one row", int(row), number) for number in range(RUNS)]
        retrained[at] = np.stack([confidences(populations, scenario, kept, seed)[chosen] for seed in seeds])
    found: dict[str, Any] = {"scenario": scenario.name, "rows": ROWS, "models for each": RUNS}
    nothing = dict.fromkeys(range(len(chosen)), originals[:, chosen])
    for what, runs in (("retraining", retrained), ("doing nothing", nothing)):
        generator = np.random.default_rng(0)
        outcomes = Counter(
            judge(references[:, chosen], originals[:, chosen], runs, generator) for _ in range(judgements)
        )
        found[what] = dict(outcomes)
    wrong = judgements - found["retraining"].get("passed", 0)
    found["false alarms"] = [wrong / judgements, *(round(end, 4) for end in clopper_pearson(wrong, judgements))]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", nargs="+")
    parser.add_argument("--judgements", type=int, default=200)
    parser.add_argument("--cache", type=Path, default=default_cache())
    arguments = parser.parse_args()
    for name in arguments.task:
        found = study(name, arguments.cache, arguments.judgements)
        known = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
        text = json.dumps({**known, name: found}, indent=1, sort_keys=True)
        RESULTS.write_text(text + "\n", encoding="utf-8")
        print(f"{name}: {found}", flush=True)


if __name__ == "__main__":
    main()
