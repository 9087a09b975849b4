"""The command line. Listings and start-up run as real processes; the rest calls ``main``, torch being imported once."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from cards import measured
from torch import nn
from transformers.modeling_outputs import SequenceClassifierOutput

from mu_conformance import Claims, ClassificationTask, Rows, Splits, TrainingRecipe, cli
from mu_conformance.checks.manifest import Entry
from mu_conformance.evidence import packing
from mu_conformance.evidence.populations import Populations
from mu_conformance.scenarios.profiles import PROFILES, Profile
from mu_conformance.scenarios.scenario import DEFAULT_SEED, scenarios
from mu_conformance.scorecard import building
from mu_conformance.scorecard.record import Context, Judged, Record
from mu_conformance.store.artefact import artefact_key
from mu_conformance.store.cache import Store

SCENARIO = "sentiment/random-10%"
CHECKS = ("forgetting.loss", "privacy.membership-loss", "utility.test-score")
TINY = Profile("tiny", "for this test", (1, 2), 3, 1, 0.10, 1)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """``mu-conformance`` with these arguments, in a process of its own."""
    command = [sys.executable, "-m", "mu_conformance.cli", *arguments]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)


def scorecard(**outcomes: str) -> dict[str, Any]:
    """A scorecard of three checks, passed unless said otherwise: ``scorecard(loss="failed")``."""
    record = Record()
    entries = [Entry("sentiment", SCENARIO, check, "text", "random", 0.1) for check in CHECKS]
    record.add_entries("sentiment", entries)
    for entry in entries:
        outcome = outcomes.get(entry.check.rpartition(".")[2].replace("-", "_"), "passed")
        message = "" if outcome == "passed" else "the margin was left"
        found = {"outcome": outcome, "message": message, "measurements": measured(entry.check, outcome)}
        record.add(Judged(entry, found, duration_s=0.5))
    context = Context(
        method={"ref": "acme:Unlearner", "distribution": None, "version": None, "source_sha256": None},
        claims=Claims(),
        profile=PROFILES["smoke"],
        suite={"seed": None},
        environment={"device": "cpu"},
        invocation={"args": []},
        studied=False,
    )
    return building.build(record, context).to_json()


@pytest.fixture
def written(tmp_path: Path) -> Any:
    """A function that writes a scorecard and gives its path."""

    def write(name: str, card: dict[str, Any]) -> str:
        (tmp_path / name).write_text(json.dumps(card))
        return str(tmp_path / name)

    return write


# -- list -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "expected", "more"),
    [
        (
            "tasks",
            "sentiment",
            {"modality", "architectures", "forget_sets", "deletion_unit", "hub_dataset", "hub_checkpoints"},
        ),
        ("methods", "Retrain", set()),
        ("checks", "privacy.membership-lira", {"family", "guarantee", "level"}),
        ("controls", "DoNothing", {"check"}),
        ("profiles", "smoke", {"runs", "references", "ratio"}),
    ],
)
def test_list_json(kind: str, expected: str, more: set[str]) -> None:
    done = run("list", kind, "--json")
    assert done.returncode == 0, done.stderr
    rows = {row["name"]: row for row in json.loads(done.stdout)}
    assert expected in rows
    for row in rows.values():
        assert set(row) == {"name", "ref", "summary"} | more
        assert row["summary"], row["name"]
        assert (row["ref"] is None) == (kind == "profiles")
        assert row["ref"] is None or re.fullmatch(r"[\w.]+:\w+", row["ref"])
    if kind == "methods":
        assert rows["Retrain"]["ref"] == "mu_conformance.methods:Retrain"
    if kind == "controls":
        assert rows["DoNothing"]["check"] == "privacy.membership-loss"
        assert rows["DoNothing"]["ref"] == "mu_conformance.controls:DoNothing"


def test_list_names_every_row(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["list", "controls"]) == 0
    table = capsys.readouterr().out
    assert "DoNothing" in table
    assert "contract.frozen-parameters-untouched" in table


def test_explain(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["list", "checks", "--explain", "privacy.membership-lira"]) == 0
    assert "Carlini" in capsys.readouterr().out


def test_starts_without_torch(tmp_path: Path, written: Any) -> None:
    program = """if True:
        import sys
        from mu_conformance.cli import main
        cache, card = sys.argv[1:]
        assert main(["list", "profiles", "--json"]) == 0
        assert main(["store", "list", "--cache", cache]) == 0
        assert main(["list", "task"]) == 2
        assert main(["report", card]) == 0
        assert main(["compare", card, card]) == 0
        assert "torch" not in sys.modules
    """
    arguments = [str(tmp_path / "cache"), written("card.json", scorecard())]
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


# -- report, compare, verify ------------------------------------------------------------------------------------------


def test_report_is_a_pure_render(written: Any, capsys: pytest.CaptureFixture[str]) -> None:
    card = scorecard(loss="failed")
    path = written("scorecard.json", card)
    assert cli.main(["report", path]) == 0
    assert "acme:Unlearner: NONCONFORMANT" in capsys.readouterr().out
    assert cli.main(["report", path, "--format", "markdown"]) == 0
    assert capsys.readouterr().out.startswith("# mu-conformance: acme:Unlearner is nonconformant")
    assert cli.main(["report", path, "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == card


def test_compare(written: Any, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = written("good.json", scorecard()), written("bad.json", scorecard(loss="inconclusive"))
    assert cli.main(["compare", good, good]) == 0
    assert "0 changed, 0 regressions" in capsys.readouterr().out
    assert cli.main(["compare", good, bad]) == 1
    out = capsys.readouterr().out
    assert f"regression: forgetting.loss on {SCENARIO}: passed before, inconclusive now" in out
    assert "conformant before, incomplete now" in out
    assert cli.main(["compare", bad, good]) == 0
    assert "1 changed, 0 regressions" in capsys.readouterr().out


def test_compare_counts_a_dropped_check_as_a_regression(written: Any, capsys: pytest.CaptureFixture[str]) -> None:
    fewer = scorecard()
    del fewer["checks"][0]
    fewer["suite"]["manifest_sha256"] = "other"
    assert cli.main(["compare", written("all.json", scorecard()), written("fewer.json", fewer)]) == 1
    out = capsys.readouterr().out
    assert "answer different questions" in out
    assert "absent now" in out


def test_verify_accepts_what_was_written(written: Any) -> None:
    path = written("scorecard.json", scorecard())
    done = run("verify", path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{path} adds up: conformant, 3 of 3 required checks passed\n"


def _drop_a_check(card: dict[str, Any]) -> None:
    del card["checks"][1]


def _claim_a_pass(card: dict[str, Any]) -> None:
    card["checks"][0]["outcome"] = "passed"


def _claim_the_verdict(card: dict[str, Any]) -> None:
    card["verdict"]["status"] = "conformant"


def _invent_an_outcome(card: dict[str, Any]) -> None:
    card["checks"][0]["outcome"] = "excellent"


def _forget_to_require(card: dict[str, Any]) -> None:
    card["checks"][0]["required"] = False


def _lose_a_key(card: dict[str, Any]) -> None:
    del card["suite"]["manifest_sha256"]


@pytest.mark.parametrize(
    "tamper", [_drop_a_check, _claim_a_pass, _claim_the_verdict, _invent_an_outcome, _forget_to_require, _lose_a_key]
)
def test_verify_finds_tampering(tamper: Any, written: Any, capsys: pytest.CaptureFixture[str]) -> None:
    card = scorecard(loss="failed")
    tamper(card)
    path = written("scorecard.json", card)
    assert cli.main(["verify", path]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines
    assert all(line.startswith(f"{path}: ") for line in lines)


# -- what cannot be used ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["list", "control"], "did you mean controls"),
        (["list", "checks", "--explain", "privacy.membership-lire"], "did you mean privacy.membership-lira"),
        (["list", "tasks", "--explain", "sentiment"], "--explain goes with"),
        (["report", "{folder}/absent.json"], "cannot be read"),
        (["report", "{folder}/whole.json", "--format", "pdf"], "unknown format 'pdf'"),
        (["report", "{folder}/truncated.json"], "not valid JSON"),
        (["verify", "{folder}/truncated.json"], "not valid JSON"),
        (["compare", "{folder}/whole.json", "{folder}/unfinished.json"], "incomplete"),
        (["compare", "{folder}/whole.json", "{folder}/hollow.json"], "malformed"),
        (["report", "{folder}/hollow.json"], "malformed"),
        (["verify", "{folder}/hollow.json"], "malformed"),
        (["verify", "{folder}/other.json"], "not a scorecard of schema"),
        (["store", "list", "--cache", "{folder}/whole.json"], "is a file"),
        (["store", "pack", "sentimen"], "did you mean sentiment"),
        (["store", "pack", "sentiment", "--profile", "smok"], "did you mean smoke"),
    ],
)
def test_bad_input_is_one_line_and_status_2(
    arguments: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    card = scorecard()
    whole = json.dumps(card)
    documents = {
        "whole": whole,
        "truncated": whole[: len(whole) // 2],
        "unfinished": json.dumps({**card, "complete": None}),
        "hollow": json.dumps({"schema": card["schema"], "complete": True, "checks": 3}),
        "other": json.dumps({"schema": "somebody/else/1", "complete": True}),
    }
    for name, text in documents.items():
        (tmp_path / f"{name}.json").write_text(text)
    assert cli.main([argument.format(folder=tmp_path) for argument in arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("mu-conformance: ")
    assert said in captured.err
    assert captured.err.count("\n") == 1


def test_errors_of_a_real_process_have_no_traceback(tmp_path: Path) -> None:
    done = run("report", str(tmp_path / "absent.json"))
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("mu-conformance: ")
    assert "Traceback" not in done.stderr


# -- store ------------------------------------------------------------------------------------------------------------


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
