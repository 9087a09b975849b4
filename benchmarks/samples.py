"""Write docs/samples.md and its picture: samples from the originals of the generating tasks, for a person to judge.

python benchmarks/samples.py
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from mu_conformance.evidence.populations import Populations
from mu_conformance.scenarios.scenario import DEFAULT_SEED, Scenario
from mu_conformance.store.cache import Store, default_cache
from mu_conformance.store.pack import packaged_packs
from mu_conformance.tasks import DiffusionTask, GenerationTask, LanguageModelTask, Rows, Task, registry
from mu_conformance.tasks.tokens import IGNORED


def original(task: Task, store: Store) -> torch.nn.Module:
    """Return the first original of the task's first scenario."""
    scenario = Scenario(task, task.forget_sets[0], 0.1, task.architectures[0], DEFAULT_SEED)
    model = task.new_model(0)
    model.load_state_dict(Populations(store).original_state(scenario, 0))
    return model


def _words(task: LanguageModelTask, ids: list[int]) -> str:
    return " ".join(task.words[number] for number in ids if number > 2)  # type: ignore[attr-defined]


def _facts(task: LanguageModelTask, model: torch.nn.Module, rows: Rows) -> list[str]:
    logits = task.logits_of(model, rows)[:, :-1]
    lines = []
    for row in range(len(rows)):
        labels = rows.labels[row, 1:]
        asked = labels != IGNORED
        said = _words(task, logits[row].argmax(dim=-1)[asked].tolist())
        prompt = _words(task, rows.columns["input_ids"][row, : int(asked.int().argmax()) + 1].tolist())
        lines.append(f"| {prompt} | {said} | {_words(task, labels[asked].tolist())} |")
    return lines


def biographies(store: Store) -> list[str]:
    """Return the lines on biography: prompts, the original's answers and the facts."""
    task = registry.find_task("biography")
    model = original(task, store)
    lines = ["## biography", "", "| prompt | the original says | the fact |", "| --- | --- | --- |"]
    for rows in (task.splits.train, task.splits.test):
        lines += _facts(task, model, rows.select([0, 7, 15]))
    return [*lines, "", "The first three are trained on, the others are about people that the model has never met.", ""]


def summaries(store: Store) -> list[str]:
    """Return the lines on summarization: dialogues, the original's summaries and the true ones."""
    task = registry.find_task("summarization")
    assert isinstance(task, GenerationTask)
    model = original(task, store)
    lines = ["## summarization", "", "| dialogue | the original writes | the summary |", "| --- | --- | --- |"]
    for rows in (task.splits.train.select([0, 1, 2]), task.splits.test.select([0, 1, 2])):
        said = [task.decode(ids) for ids in rows.columns["input_ids"].tolist()]
        written = task.write(model, dict(rows.columns))
        lines += [
            f"| {dialogue} | {text} | {target} |"
            for dialogue, text, target in zip(said, written, task.targets(rows), strict=True)
        ]
    return [
        *lines,
        "",
        "The first three are trained on, the others are not. "
        "Adverb and verb are the writer's own choice: nothing in a new",
        "dialogue tells them.",
        "",
    ]


SAMPLES, SCALE, GAP = 3, 6, 6
"""Generated images of each class, and scale and gap of the sheet in pixels."""


def pictures(store: Store, path: Path) -> list[str]:
    """Draw every class and return the lines on text_to_image.

    A column shows a test image, then images that the first original makes for test prompts of the class.
    """
    from PIL import Image

    task = registry.find_task("text_to_image")
    assert isinstance(task, DiffusionTask)
    model = original(task, store)
    rows = task.splits.test
    concepts = task.concepts(rows)
    made = task.generate(model, rows)
    names = task.splits.unit_names
    side = rows.columns["pixel_values"].shape[-1] * SCALE
    sheet = Image.new("L", (len(names) * (side + GAP) + GAP, (1 + SAMPLES) * (side + GAP) + GAP), 255)
    recognised = []
    for column in range(len(names)):
        chosen = (concepts == column).nonzero()[0][:SAMPLES]
        shown = [rows.columns["pixel_values"][chosen[0], 0], *made[chosen, 0]]
        for line, image in enumerate(shown):
            grey = ((1 - image.clamp(-1, 1)) * 127.5).round().byte().numpy()
            tile = Image.fromarray(grey).resize((side, side), Image.Resampling.NEAREST)
            sheet.paste(tile, (GAP + column * (side + GAP), GAP + line * (side + GAP)))
        recognised.append(f"{names[column]} {int((task.recognise(made[chosen]) == column).sum())} of {len(chosen)}")
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path, optimize=True)
    return [
        "## text_to_image",
        "",
        f"![generated digits]({path.parent.name}/{path.name})",
        "",
        f"First line: a real test image of each digit. Below: {SAMPLES} images of each "
        "that the original makes for test prompts from",
        f"noise of their own. Recognised by the classifier: {', '.join(recognised)}.",
        "",
    ]


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
    lines += summaries(store)
    lines += pictures(store, arguments.output.parent / "images" / "text_to_image.png")
    arguments.output.write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
