"""Measure the power of each scenario of each task: training time, scores, effect size of originals against references.

    python benchmarks/fixture_power.py --output docs/tasks.md
    python benchmarks/fixture_power.py --all-models --profile smoke --originals 3 --references 8 \\
        --output docs/architectures.md
    python benchmarks/fixture_power.py --task sentiment --model bert --kind random --originals 2 --references 8
    python benchmarks/fixture_power.py --peft lora:8 --profile smoke --kind random --originals 2 --references 8

The column "separation" is the effect size (Glass's delta). With --output, each task's rows go into the table of a page,
and rows of scenarios not measured stay unchanged. Under the suite's default seed, shipped models are used. All others
are trained into the cache, so a stopped run resumes.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from pages import replace, split, table
from torch import nn

from mu_conformance.checks import catalogue
from mu_conformance.checks.power import reference_values, separation, values
from mu_conformance.checks.statistics.forgetting import FORGETTING
from mu_conformance.conditions.conditions import Conditions
from mu_conformance.decision.outcome import Outcome
from mu_conformance.evidence.base import Evidence
from mu_conformance.evidence.outputs import Outputs
from mu_conformance.evidence.populations import Populations
from mu_conformance.evidence.stored import StoredEvidence
from mu_conformance.scenarios.profiles import PROFILES
from mu_conformance.scenarios.scenario import DEFAULT_SEED, scenarios
from mu_conformance.store.cache import Store, default_cache
from mu_conformance.store.pack import packaged_packs
from mu_conformance.tasks import Task, registry

BEGIN, END = "<!-- table -->", "<!-- end -->"
COLUMNS = (
    "task",
    "model",
    "forget set",
    "forget rows",
    "training s",
    "train score",
    "test score",
    "sharpest measure",
    "separation",
    "references mean ± sd",
    "original",
    "DoNothing fails",
)
"""Columns of the table.

"DoNothing fails" counts the applicable forgetting checks that fail, with the originals in place of its runs.
"""
ARCHITECTURE_COLUMNS = (
    "task",
    "model",
    "transformers class",
    "parameters",
    "forget set",
    "training s",
    "train score",
    "lowest train score",
    "test score",
    "sharpest measure",
    "separation",
)
"""Columns of the table with --all-models.

"lowest train score" is the lowest over originals and references, and shows whether every seed trained.
"""


class Untouched(StoredEvidence):
    """Gives evidence on a method that returns the original: its runs are the originals."""

    def runs(self, count: int) -> list[Outputs]:
        return [self.populations.original(self.scenario, number) for number in range(count)]


def do_nothing(evidence: Evidence) -> str:
    """Return how many of the applicable forgetting checks fail a method that returns the original, as text."""
    scenario = evidence.scenario
    checks = [
        check
        for check in catalogue().values()
        if check.family == "forgetting" and check.applies_to(scenario.task, scenario.kind)
    ]
    failed = [check for check in checks if check.function(evidence).outcome is Outcome.FAILED]
    return f"{len(failed)} of {len(checks)}"


def measure(task: Task, architecture: str, arguments: argparse.Namespace) -> list[dict[str, str]]:
    """Return a row for each scenario of a task."""
    profile = dataclasses.replace(
        PROFILES[arguments.profile],
        looks=(arguments.originals,),
        references=arguments.references,
        ratio=arguments.ratio,
    )
    populations = Populations(Store(arguments.cache, packaged_packs() if arguments.seed == DEFAULT_SEED else []))
    found = []
    for scenario in scenarios(task, profile, arguments.seed, architecture, populations.memorization):
        if arguments.kind and scenario.kind not in arguments.kind:
            continue
        evidence = Untouched(scenario, populations, profile)
        found_of = {}
        for name, statistic in FORGETTING.items():
            references = reference_values(evidence, statistic)
            originals = values(evidence, statistic, evidence.originals)
            found_of[name] = (separation(originals, references), references, originals)
        sharpest = max(found_of, key=lambda name: found_of[name][0])
        power, references, originals = found_of[sharpest]

        def scores(part: str, models: Sequence[Outputs], scenario=scenario) -> list[float]:
            return [float(task.scores(model[part], scenario.rows[part]).mean()) for model in models]

        trained = scores("retain", evidence.originals)
        model = task.new_model(0, architecture)
        seconds = populations.training_seconds(scenario, 0)
        row = {
            "task": task.name,
            "model": architecture,
            "forget set": scenario.name.partition("/")[2],
            "forget rows": str(len(scenario.forget)),
            "training s": f"{seconds:.1f}",
            "train score": f"{np.mean(trained):.3f}",
            "test score": f"{np.mean(scores('test', evidence.originals)):.3f}",
            "sharpest measure": sharpest,
            "separation": f"{power:.1f}",
            "references mean ± sd": f"{references.mean():.3f} ± {references.std(ddof=1):.3f}",
            "original": f"{originals.mean():.3f}",
            "DoNothing fails": do_nothing(evidence),
            "transformers class": _library_class(model),
            "parameters": f"{sum(parameter.numel() for parameter in model.parameters()):,}",
            "lowest train score": f"{min(trained + scores('retain', evidence.references)):.3f}",
        }
        print(" | ".join(row[column] for column in dict.fromkeys(COLUMNS + ARCHITECTURE_COLUMNS)), flush=True)
        print("    ", {name: round(value[0], 1) for name, value in found_of.items()}, flush=True)
        found.append(row)
    return found


def _library_class(model: nn.Module) -> str:
    """Return the library class that the model is or derives from; a dash if there is none."""
    for ancestor in type(model).__mro__:
        if ancestor.__module__.partition(".")[0] in ("transformers", "diffusers"):
            return ancestor.__name__
    return "-"


def write(page: Path, columns: Sequence[str], rows: Sequence[Mapping[str, str]]) -> None:
    """Put rows into the table of a page, in place of rows of the same scenario; other rows stay unchanged."""
    lines = split(page, BEGIN, END)[1].strip().splitlines()
    same = lines[:1] == table(columns, [])[:1]
    identity = [columns.index(name) for name in ("task", "model", "forget set")]
    old = [line.strip("| ").split(" | ") for line in lines[2:]] if same else []
    cells = [*old, *([row[column] for column in columns] for row in rows)]
    kept = {tuple(row[place] for place in identity): row for row in cells}
    found = [kept[key] for key in sorted(kept, key=lambda key: key[0])]
    replace(page, BEGIN, END, "\n".join(table(columns, found)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", action="append", default=[])
    parser.add_argument("--model", action="append", default=[], help="default: each task's first")
    parser.add_argument("--all-models", action="store_true")
    parser.add_argument("--kind", action="append", default=[])
    parser.add_argument("--profile", default="standard", choices=list(PROFILES), help="whose kinds of forget set")
    parser.add_argument("--peft", default="", help="as --mu-peft")
    parser.add_argument("--curriculum", default="", help="as --mu-curriculum")
    parser.add_argument("--ratio", type=float, default=0.1)
    parser.add_argument("--originals", type=int, default=4)
    parser.add_argument("--references", type=int, default=32)
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED)
    parser.add_argument("--cache", type=Path, default=default_cache())
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    columns = ARCHITECTURE_COLUMNS if arguments.all_models else COLUMNS
    for name in arguments.task or sorted(registry.tasks()):
        task = registry.find_task(name).under(Conditions.parse(arguments.peft, arguments.curriculum))
        for architecture in task.architectures if arguments.all_models else arguments.model or task.architectures[:1]:
            rows = measure(task, architecture, arguments)
            if arguments.output:
                write(arguments.output, columns, rows)


if __name__ == "__main__":
    main()
