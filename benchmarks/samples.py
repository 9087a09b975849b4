"""What the originals of the generating tasks make, for a person to judge: docs/samples.md.

python benchmarks/samples.py
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from mu_conformance import registry
from mu_conformance.judging import packaged_packs
from mu_conformance.populations import Populations
from mu_conformance.scenario import DEFAULT_SEED, Scenario
from mu_conformance.store import Store, default_cache
from mu_conformance.task import LanguageModelTask, Rows, Task
from mu_conformance.task.tokens import IGNORED


def original(task: Task, store: Store) -> torch.nn.Module:
    """The first original of the task's first scenario."""
    scenario = Scenario(task, task.forget_sets[0], 0.1, task.architectures[0], DEFAULT_SEED)
    model = task.new_model(0)
    model.load_state_dict(Populations(store).original_state(scenario, 0))
    return model


def _words(task: LanguageModelTask, ids: list[int]) -> str:
    return " ".join(task.words[number] for number in ids if number > 2)  # type: ignore[attr-defined]


def _facts(task: LanguageModelTask, model: torch.nn.Module, rows: Rows) -> list[str]:
    logits = task.answers(model, rows)[:, :-1]
    lines = []
    for row in range(len(rows)):
        labels = rows.labels[row, 1:]
        asked = labels != IGNORED
        said = _words(task, logits[row].argmax(dim=-1)[asked].tolist())
        prompt = _words(task, rows.columns["input_ids"][row, : int(asked.int().argmax()) + 1].tolist())
        lines.append(f"| {prompt} | {said} | {_words(task, labels[asked].tolist())} |")
    return lines


def biographies(store: Store) -> list[str]:
    task = registry.find_task("biography")
    model = original(task, store)
    lines = ["## biography", "", "| prompt | the original says | the fact |", "| --- | --- | --- |"]
    for rows in (task.splits.train, task.splits.test):
        lines += _facts(task, model, rows.select([0, 7, 15]))
    return [*lines, "", "The first three are trained on, the others are about people that the model has never met.", ""]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("docs/samples.md"))
    parser.add_argument("--cache", type=Path, default=default_cache())
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    store = Store(arguments.cache, packaged_packs())
    lines = [
        "# What the originals make",
        "",
        "Written by `python benchmarks/samples.py`.",
        "",
    ]
    lines += biographies(store)
    arguments.output.write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
