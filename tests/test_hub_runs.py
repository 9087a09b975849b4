"""Published data from outside: real pytest runs with ``--mu-data hub`` on local copies, and what the listing says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import hub_checkpoints
import hub_data

# pytester forgets modules that a run in this process imports, and torch cannot be imported twice: import it here.
import mu_conformance.plugins.session  # noqa: F401
import pytest
from cards import card

from mu_conformance import cli
from mu_conformance.tasks import registry

registry.tasks()
registry.hub_task("sentiment")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hub")
    hub_data.imdb(folder, rows=100)
    hub_checkpoints.write_checkpoint("sentiment", "electra-base", folder)
    return folder


def run(folder, *options, **environment):
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "GITHUB_", "MU_HUB"))}
    start = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "--tb=short"]
    return subprocess.run(
        [*start, "--method", "mu_conformance.methods:Retrain", "--mu-data", "hub", "--mu-cache", "cache", *options],
        cwd=folder,
        env={**kept, "OMP_NUM_THREADS": "1", **environment},
        capture_output=True,
        text=True,
        timeout=280,
    )


def test_a_method_is_judged_on_published_data(root, tmp_path):
    done = run(
        tmp_path,
        *("--mu-task", "sentiment", "--mu-model", "electra-base", "--mu-runs", "1", "--mu-references", "3"),
        *("-k", "random-10pct"),
        MU_HUB_ROOT=os.path.relpath(root, tmp_path),
        MU_HUB_ROWS="40",
    )
    card = json.loads((tmp_path / "mu-report" / "partial" / "scorecard.json").read_text())
    outcomes = {(e["id"], e["scenario"]): (e["outcome"], e["message"]) for e in card["checks"]}
    assert outcomes["contract.finite", "sentiment/random-10%"][0] == "passed", done.stdout
    assert outcomes["contract.weights-only", "sentiment/random-10%"][0] == "passed", done.stdout
    assert outcomes["contract.no-network", "sentiment/random-10%"][0] == "passed", done.stdout
    assert outcomes["cost.wall-clock", "sentiment/random-10%"][0] != "not_run", done.stdout
    # the miniature learns nothing in so few steps, which the suite must not take for having forgotten
    assert outcomes["forgetting.loss", "sentiment/random-10%"][0] == "error", outcomes
    assert "separation" in outcomes["forgetting.loss", "sentiment/random-10%"][1]
    assert done.returncode == 1
    assert card["verdict"]["scope"] == ["sentiment"]
    suite = card["suite"]
    assert suite["data"] == "hub"
    assert suite["false_alarm_rate"] is None
    provenance = suite["provenance"]["sentiment"]
    assert provenance["data"] == "stanfordnlp/imdb"
    assert provenance["checkpoint"] == "google/electra-base-discriminator"
    assert len(provenance["revision"]) == 64
    assert provenance["row_limit"] == 40
    assert all("--mu-data hub --mu-model electra-base" in entry["reproduce"] for entry in card["checks"])


@pytest.fixture
def inside(root, pytester, monkeypatch):
    """Run pytest in this process, where no hub answers; returns (exit status, error)."""
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")

    def run_inside(*options: str, **environment: str) -> tuple[int, str]:
        for name, value in {"MU_HUB_ROOT": str(root), **environment}.items():
            monkeypatch.setenv(name, value)
        started = time.monotonic()
        result = pytester.runpytest_inprocess(
            "-p", "no:cacheprovider", "--method", "mu_conformance.methods:Retrain", "--mu-data", "hub", *options
        )
        assert time.monotonic() - started < 20  # before anything is trained
        return int(result.ret), "\n".join(line for line in result.errlines if line.startswith("ERROR"))

    return run_inside


@pytest.mark.parametrize(
    ("options", "environment", "says"),
    [
        (["--mu-task", "sentiment"], {}, "checkpoint google-bert/bert-base-uncased: no copy at"),
        (["--mu-task", "summarization"], {}, "data set SAMSum: knkarthick/samsum: no copy at"),
        (["--mu-task", "sentiment", "--mu-model", "bert"], {}, "did you mean bert-base"),
        (["--mu-task", "tabular"], {}, "unknown task on published data 'tabular'"),
        (["--mu-task", "sentiment"], {"MU_HUB_ROOT": "nowhere"}, "nowhere is no folder"),
        (
            ["--mu-task", "sentiment"],
            {"MU_HUB_ROOT": ""},
            "data set IMDB: stanfordnlp/imdb: the hub at http://127.0.0.1:9 cannot be reached",
        ),
    ],
)
def test_what_cannot_be_had_is_a_usage_error_of_one_line(inside, options, environment, says):
    status, error = inside(*options, **environment)
    assert status == 4
    assert len(error.splitlines()) == 1
    assert says in error


def test_a_baseline_of_other_data_is_refused(inside, tmp_path):
    base = tmp_path / "base.json"
    base.write_text(json.dumps(card()))
    status, error = inside("--mu-task", "sentiment", "--mu-baseline", str(base))
    assert status == 4
    assert "is of embedded data, this run of hub" in error


def test_the_listing_names_data_sets_and_checkpoints(capsys):
    assert cli.main(["list", "tasks", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["sentiment"]["hub_dataset"] == "stanfordnlp/imdb"
    assert rows["sentiment"]["hub_checkpoints"]["roberta-large"] == "FacebookAI/roberta-large"
    assert rows["image_classification"]["deletion_unit"] == "class"
    assert rows["tabular"]["hub_dataset"] is None
    assert rows["tabular"]["hub_checkpoints"] is None
