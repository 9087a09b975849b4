"""``mu-conformance store``: packs, what lies in the cache, and clearing it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from torch import nn
from transformers.modeling_outputs import SequenceClassifierOutput

from mu_conformance import ClassificationTask, Rows, Splits, TrainingRecipe, cli
from mu_conformance.evidence import packing
from mu_conformance.evidence.populations import Populations
from mu_conformance.scenarios.profiles import Profile
from mu_conformance.scenarios.scenario import DEFAULT_SEED, scenarios
from mu_conformance.store.artefact import artefact_key
from mu_conformance.store.cache import Store

TINY = Profile("tiny", "for this test", (1, 2), 3, 1, 0.10, 1)


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor, labels: torch.Tensor | None = None) -> SequenceClassifierOutput:
        logits = self.linear(x)
        loss = None if labels is None else nn.functional.cross_entropy(logits, labels)
        return SequenceClassifierOutput(loss=loss, logits=logits)


class TinyTask(ClassificationTask):
    name = "tiny"
    modality = "tabular"
    summary = "random rows"
    architectures = ("linear",)
    num_classes = 2
    recipe = TrainingRecipe(epochs=1, batch_size=32, learning_rate=1e-2)

    def load_splits(self) -> Splits:
        generator = torch.Generator().manual_seed(0)
        x = torch.randn(180, 4, generator=generator)
        rows = Rows({"x": x, "labels": (x[:, 0] > 0).long()})
        return Splits(rows.select(range(100)), rows.select(range(100, 140)), rows.select(range(140, 180)))

    def build_model(self, architecture: str) -> nn.Module:
        return Network()


def _judge_from(store: Store, task: ClassificationTask) -> None:
    """Ask the store for what judging a method needs."""
    populations = Populations(store)
    for scenario in scenarios(task, TINY, DEFAULT_SEED):
        for number in range(2):
            populations.original(scenario, number)
            populations.original_state(scenario, number)
        for number in range(TINY.references):
            populations.reference(scenario, number)


def test_pack_holds_what_judging_needs_and_no_weights_of_references(tmp_path: Path) -> None:
    task, said = TinyTask(), []
    path = packing.pack(task, TINY, tmp_path / "cache", tmp_path / "task", said.append)
    assert path == tmp_path / "task" / "pack.safetensors"
    assert list(path.parent.iterdir()) == [path]
    assert "random-10%: outputs of reference 3 of 3, built" in said[-2]

    store = Store(tmp_path / "empty", [path])
    _judge_from(store, task)
    assert store.built == 0
    assert store.packs[0].command == "mu-conformance store pack tiny --profile tiny"
    (scenario,) = scenarios(task, TINY, DEFAULT_SEED)
    populations = Populations(store)
    for number in range(TINY.references):
        description = populations._model_description(scenario, scenario.retain, scenario.reference_seed(number))
        assert artefact_key(description) not in store.packs[0].records
    assert len(store.packs[0].records) == 2 + 2 + TINY.references

    again: list[str] = []
    packing.pack(task, TINY, tmp_path / "cache", tmp_path / "task", again.append)
    assert all(line.endswith("from the cache") for line in again[:-1])


def test_store_lists_and_clears_what_it_wrote_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cache = tmp_path / "cache"
    options = ["--cache", str(cache)]
    assert cli.main(["store", "path", *options]) == 0
    assert capsys.readouterr().out == f"{cache}\n"
    assert cli.main(["store", "list", *options]) == 0
    assert "holds no artefacts" in capsys.readouterr().out

    _judge_from(Store(cache), TinyTask())
    folder = next(cache.glob("v*/??"))
    damaged, partial = folder / f"{'0' * 32}.safetensors", folder / f"{'1' * 32}.safetensors.77.partial"
    for path in (damaged, partial):
        path.write_bytes(b"cut off")
    others = [cache / "notes.txt", folder / "mine.safetensors"]
    for path in others:
        path.write_text("mine")

    assert cli.main(["store", "list", *options]) == 0
    out = capsys.readouterr().out
    assert re.search(r"tiny\s+10 ", out), out
    assert re.search(r"\(damaged\)\s+1 ", out), out

    assert cli.main(["store", "clear", *options]) == 0
    assert "removed " in capsys.readouterr().out
    assert sorted(path for path in cache.rglob("*") if path.is_file()) == sorted(others)
    assert cli.main(["store", "clear", *options]) == 0
    assert "removed 0 files" in capsys.readouterr().out
