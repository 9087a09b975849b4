"""Search for each method's hyperparameters on each task; resumable.

    python benchmarks/search.py --cache DIR                     # all methods on all tasks
    python benchmarks/search.py --cache DIR --task tabular --method FineTune

Each method's class lists the values to try (``search``: values by hyperparameter, in all combinations). At least
``TRIALS_EACH`` random combinations are tried for each method and task, or ``EXPENSIVE_TRIALS`` where a trial is
expensive.

A trial is judged on a suite seed of its own. Its originals, references and forget rows are therefore not those that any
profile judges by default, and there are fewer of each. ``ORIGINALS`` runs are compared with ``REFERENCES`` references,
for each kind of forget set in the smoke profile.

The cost of a trial is the mean, over checks, of the distance to the references' mean in margins, at most ``MOST``. The
edge of a pass is 1. A trial whose calls take more than ``BUDGET`` of retraining's FLOPs is no candidate.

Each trial is saved in ``benchmarks/results/search.json`` as soon as it ends. The best of each method on each task is
saved in ``mu_conformance/methods/tuned.json``, which the methods read.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
import math
import random
import time
from pathlib import Path

import torch
from filelock import FileLock

from mu_conformance import methods
from mu_conformance.checks import find_check
from mu_conformance.conditions.conditions import Conditions
from mu_conformance.evidence.base import Evidence
from mu_conformance.judging.session import JudgingSession
from mu_conformance.judging.settings import Settings
from mu_conformance.protocol.claims import Claims
from mu_conformance.scenarios.profiles import PROFILES
from mu_conformance.tasks import registry

SEED = 7001
"""Seed of the suite in trials."""
TRIALS_EACH, EXPENSIVE_TRIALS = 6, 4
"""Combinations tried for each method and task, and on expensive tasks."""
EXPENSIVE = ("summarization", "text_to_image", "visual_reasoning")
"""Tasks with expensive trials."""
ORIGINALS, REFERENCES = 2, 8
"""Runs and references of a trial."""
BUDGET = 0.5
"""Largest share of retraining's FLOPs that a candidate may take."""
MOST = 5.0
"""Bound on a check's distance, in margins."""
NO_LIMIT = 1e9
"""A budget in retrainings that no call reaches.

FLOPs are counted only under a budget, and methods shorten themselves to a budget.
"""
ROOT = Path(__file__).resolve().parents[1]
TRIALS = ROOT / "benchmarks" / "results" / "search.json"
FOUND = ROOT / "mu_conformance" / "methods" / "tuned.json"


def distance(measurement) -> float:
    """Return the distance of a run from the references' mean in margins, at most ``MOST``; NaN if not measured."""
    if measurement.margin is None or measurement.references is None:
        return math.nan
    return min(MOST, abs(measurement.value - measurement.references.mean) / measurement.margin)


def flops_share(judge: JudgingSession, task: str, runs: int = 1) -> float | None:
    """Return the FLOPs of a call as a share of retraining's, the mean over scenarios; None if a call fails.

    Args:
        judge: session of one method with the budget ``NO_LIMIT``.
        task: name of the task.
        runs: runs of each scenario.
    """
    shares = []
    for scenario in judge.scenarios(task):
        evidence = judge.evidence(task, scenario.name)
        for run in evidence.records(runs)[:runs]:
            share = evidence.flops_share(run)
            if share is None:
                return None
            shares.append(share)
    return sum(shares) / len(shares)


def trial(ref: str, task: str, cache: Path) -> dict:
    """Judge a method with its hyperparameters; return its cost, None if a call failed, and the cost of each check.

    Args:
        ref: the method and its hyperparameters.
        task: name of the task.
        cache: folder of the cache.
    """
    profile = dataclasses.replace(PROFILES["smoke"], looks=(ORIGINALS,), references=REFERENCES)
    settings = Settings(
        profile=profile, tasks=(task,), seed=SEED, cache=cache, in_process=True, conditions=Conditions(budget=NO_LIMIT)
    )
    judge = JudgingSession(ref, settings)
    started, costs, errors = time.process_time(), {}, set()
    # Skip contract and cost, because they are not a matter of degree.
    for entry in judge.entries(judge.task(task)):
        if find_check(entry.check).subject is not Evidence or entry.check.startswith("cost."):
            continue
        finding = judge.finding(entry)
        found = [value for m in finding.measurements if not math.isnan(value := distance(m))]
        if found:
            costs[f"{entry.kind} {entry.check}"] = round(max(found), 3)
        elif finding.outcome == "error":
            errors.add(finding.message)
    share = flops_share(judge, task, ORIGINALS)
    judge.close()
    found = {"flops": None if share is None else round(share, 4), "seconds": round(time.process_time() - started, 1)}
    if errors:
        return {"cost": None, "why": min(errors), **found}
    if share is None or share > BUDGET:
        return {"cost": None, "why": f"more than {BUDGET:g} of retraining's FLOPs", **found}
    return {"cost": round(sum(costs.values()) / len(costs), 4), "checks": costs, **found}


def read(path: Path) -> dict:
    """Return the content of a JSON file; empty if there is no file."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def combinations(method: str) -> list[dict]:
    """Return all combinations of a method's values."""
    space = getattr(getattr(methods, method), "search", {})
    return [dict(zip(space, values, strict=True)) for values in itertools.product(*space.values())] if space else []


def wanted(method: str, task: str) -> list[dict]:
    """Return the values of a method that must be tried on a task: all, or a random sample that never changes."""
    every = combinations(method)
    return random.Random(f"{method} {task}").sample(
        every, min(len(every), EXPENSIVE_TRIALS if task in EXPENSIVE else TRIALS_EACH)
    )


def best(trials: dict) -> dict[str, dict[str, dict]]:
    """Return the values of least cost, by method and task.

    A method and task is included once all wanted values are tried and at least one call returned.
    """
    by_place: dict[tuple[str, str], list[dict]] = {}
    for one in trials.values():
        by_place.setdefault((one["method"], one["task"]), []).append(one)
    found: dict[str, dict[str, dict]] = {}
    for (method, task), tried in sorted(by_place.items()):
        judged = [one for one in tried if one["cost"] is not None]
        if judged and all(any(one["values"] == values for one in tried) for values in wanted(method, task)):
            found.setdefault(method, {})[task] = min(judged, key=lambda one: one["cost"])["values"]
    return found


def keep(new: dict) -> None:
    """Save trials by their keys, and update the best values; several processes may search at once."""
    with FileLock(TRIALS.with_suffix(".lock")):
        trials = {**read(TRIALS), **new}
        lines = (f"{json.dumps(key)}: {json.dumps(trials[key], sort_keys=True)}" for key in sorted(trials))
        TRIALS.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
        values = best(trials)
        found = {"command": "python benchmarks/search.py", "seed": SEED, "budget": BUDGET, "values": values}
        FOUND.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, required=True, help="where artefacts are kept")
    parser.add_argument("--method", action="append", default=[])
    parser.add_argument("--task", action="append", default=[])
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for task, name in itertools.product(arguments.task or registry.task_names(), arguments.method or dir(methods)):
        method = getattr(methods, name)
        found, claims = registry.find_task(task), getattr(method, "claims", Claims())
        if not claims.covers(task, found.modality, found.features):
            continue
        for values in wanted(name, task):
            ref = f"mu_conformance.methods:{name}({', '.join(f'{k}={v!r}' for k, v in values.items())})"
            key = f"{task} {ref.partition(':')[2]}"
            if key in read(TRIALS):
                continue
            result = {"method": name, "task": task, "values": values, **trial(ref, task, arguments.cache)}
            keep({key: result})
            print(key, result["cost"], result.get("why", "")[:150], f"{result['seconds']} s", flush=True)


if __name__ == "__main__":
    main()
