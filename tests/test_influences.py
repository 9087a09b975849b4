"""What can change a run from outside: recorded with its digest, named in the verdict's line, refused by thorough."""

from __future__ import annotations

import hashlib
import importlib.util
import json

import pytest
from mu_conformance.plugins import influences

FINITE = ("-k", "contract-contract.finite")


def named(card: dict) -> set[str]:
    """What is not known to change nothing."""
    kinds = ("plugins", "conftests", "configuration", "variables", "modules")
    return {one["name"] for kind in kinds for one in card["invocation"][kind] if not one["known"]}


def test_a_plain_run_has_none(toy):
    run = toy.run("retrain", *FINITE)
    assert named(run.card) == set()
    assert "also loaded" not in run.output
    (task,) = [one for one in run.card["invocation"]["modules"] if one["name"] == "toy_task"]
    assert task["sha256"] == hashlib.sha256((toy.folder / "toy_task.py").read_bytes()).hexdigest()


def test_a_conftest_a_plugin_and_a_variable_are_named(toy):
    (toy.folder / "conftest.py").write_text("")
    (toy.folder / "helpful.py").write_text("")
    run = toy.run("retrain", *FINITE, "-p", "helpful", PYTEST_ADDOPTS="-v")
    assert {"conftest.py", "helpful", "PYTEST_ADDOPTS"} <= named(run.card)
    assert "also loaded: helpful, conftest.py, PYTEST_ADDOPTS" in run.output


@pytest.mark.parametrize("where", ["", "elsewhere"])
def test_what_stands_in_for_an_installed_package(toy, where):
    """In the working folder it comes too late; on the search path before all else it is named, and refused."""
    folder = toy.folder / where
    folder.mkdir(exist_ok=True)
    (folder / "filelock.py").write_text("raise SystemExit('in the way')\n" if not where else "FileLock = None\n")
    if not where:
        assert toy.run("retrain", *FINITE).outcomes()["contract.finite", "toy/contract"] == "passed"
        return
    run = toy.run("retrain", *FINITE, PYTHONPATH=str(folder))
    assert "filelock" in named(run.card)
    refused = toy.run("retrain", *FINITE, "--mu-profile", "thorough", PYTHONPATH=str(folder))
    assert refused.status == 4
    assert "the thorough profile refuses what could change its verdict from outside: filelock" in refused.output


def test_workers_say_what_they_loaded_and_are_refused_in_one_line(toy):
    """A suite's file imports the task in a worker alone."""
    run = toy.run("retrain", *FINITE, "-n", "2")
    assert [one["name"] for one in run.card["invocation"]["modules"]].count("toy_task") == 1
    (toy.folder / "conftest.py").write_text("")
    refused = toy.run("retrain", *FINITE, "-n", "2", "--mu-profile", "thorough")
    assert (refused.status, "INTERNALERROR" in refused.output) == (4, False)
    assert (
        "ERROR: the thorough profile refuses what could change its verdict from outside: conftest.py" in refused.output
    )
    unusable = toy.run("retrain", "-n", "2", "--mu-model", "nonsense")
    assert (unusable.status, "INTERNALERROR" in unusable.output) == (4, False)
    assert "ERROR: --mu-model nonsense is not an architecture of task toy" in unusable.output


def test_only_an_installed_file_or_one_of_the_repository_is_ours():
    inside = influences._OURS / "mu_conformance" / "__init__.py"
    assert influences._is_ours(str(inside))
    assert not influences._is_ours(importlib.util.find_spec("hypothesis").origin)
    assert not influences._is_ours(None)


def test_the_challenge_is_told_at_the_end_alone(toy):
    run = toy.run("retrain", *FINITE, "--mu-challenge", "an auditor's secret")
    assert run.card["suite"]["challenge"] == "an auditor's secret"
    assert "an auditor's secret" in run.card["checks"][0]["reproduce"].replace("'\"'\"'", "'")
    (journal,) = (toy.folder / "mu-report").glob("**/journal.jsonl")
    assert "auditor" not in journal.read_text()
    header = json.loads(journal.read_text().splitlines()[0])
    assert "drawn" not in json.dumps(header)


def test_in_this_process_nothing_is_conformant(toy):
    run = toy.run("retrain", "--mu-in-process")
    assert (run.status, run.card["verdict"]["status"], run.card["verdict"]["supports"]) == (1, "incomplete", None)
