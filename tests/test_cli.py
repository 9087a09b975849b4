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
from cards import POWER, SECONDS, measured

from mu_conformance import Claims, cli
from mu_conformance.checks.manifest import Entry
from mu_conformance.scenarios.profiles import PROFILES, Profile
from mu_conformance.scorecard import building
from mu_conformance.scorecard.record import Context, Judged, Record

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
        record.add(Judged(entry, found, duration_s=0.5, power=POWER, seconds=SECONDS))
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


@pytest.fixture
def columns(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that makes the output a terminal of that many columns, without escape codes."""

    def terminal(count: int) -> None:
        monkeypatch.setenv("COLUMNS", str(count))
        monkeypatch.setenv("TERM", "dumb")
        monkeypatch.setattr("sys.stdout.isatty", lambda: True)

    return terminal


KINDS = ("tasks", "methods", "checks", "controls", "profiles")


@pytest.mark.parametrize("kind", KINDS)
def test_a_piped_list_is_whole_and_fits_80_columns(
    kind: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert cli.main(["list", kind]) == 0
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    assert "{" not in out
    assert "\x1b" not in out
    assert cli.main(["list", kind, "--json"]) == 0
    words = " ".join(out.split())
    for row in json.loads(capsys.readouterr().out):
        assert re.search(rf"^{re.escape(row['name'])}\b", out, re.MULTILINE)
        assert " ".join(row["summary"].split()) in words


@pytest.mark.parametrize("kind", KINDS)
def test_a_list_fits_a_narrow_terminal(kind: str, capsys: pytest.CaptureFixture[str], columns: Any) -> None:
    columns(50)
    assert cli.main(["list", kind]) == 0
    out = capsys.readouterr().out
    # A name alone may be longer; nothing is cut.
    assert all(len(line) <= 50 or " " not in line.strip() for line in out.splitlines())


def test_a_list_says_what_a_newcomer_wants(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["list", "controls"]) == 0
    assert "DoNothing  (fails privacy.membership-loss)\n    Returns a copy" in capsys.readouterr().out
    assert cli.main(["list", "tasks"]) == 0
    out = capsys.readouterr().out
    assert "biography  (text)\n" in out
    assert "    published data: locuslab/TOFU, with phi-1_5, llama-2-7b-chat\n" in out
    assert cli.main(["list", "profiles"]) == 0
    assert "    runs: 4, 8, 16; references: 32; share of rows to delete: 0.1\n" in capsys.readouterr().out


def test_a_foreign_method_is_listed_with_its_reference(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import importlib.metadata

    point = importlib.metadata.EntryPoint("Theirs", "mu_absent_package:Theirs", "mu_conformance.methods")
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: [point])
    assert cli.main(["list", "methods"]) == 0
    words = " ".join(capsys.readouterr().out.split())
    assert "Theirs cannot be loaded: ModuleNotFoundError: No module named 'mu_absent_package' " in words
    assert "(mu_absent_package:Theirs)" in words


# -- explain ----------------------------------------------------------------------------------------------------------


def explain(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What ``explain`` prints."""
    assert cli.main(["explain", *arguments]) == 0
    return capsys.readouterr().out


def decided(value: float | None, sides: str = "both", **more: Any) -> dict[str, Any]:
    """A decided measurement; the references' mean is 0.5 and the margin 0.02."""
    low, high = (value - 0.51, value - 0.49) if value is not None else (None, None)
    found = {"name": "x", "value": value, "interval": [low, high], "level": 0.95, "margin": 0.02, "sides": sides}
    return {**found, "original": 0.9, "references": {"mean": 0.5, "sd": 0.012, "n": 32}, "runs": 8, **more}


def test_explain_shows_a_checks_page(capsys: pytest.CaptureFixture[str]) -> None:
    out = explain(capsys, "privacy.membership-loss")
    lines = out.splitlines()
    assert lines[0] == "privacy.membership-loss"
    titles = [line for line in lines[1:] if line and not line.startswith(" ")]
    assert titles[-7:] == [
        *("Why", "Decision", "Level", "If it fails", "Try", "References"),
        "Controls that must fail it",
    ]
    assert "  Above the references: members can still be told.\n  Below the references: " in out
    assert "\n  DoNothing\n" in out
    assert max(map(len, lines)) <= 80
    assert not set("`*") & set(out)


def test_list_explain_is_another_name_of_explain(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["list", "checks", "--explain", "privacy.membership-lira"]) == 0
    out = capsys.readouterr().out
    assert "Carlini" in out
    assert out == explain(capsys, "privacy.membership-lira")


def test_explain_is_as_wide_as_the_terminal_and_no_wider_than_100(
    capsys: pytest.CaptureFixture[str], columns: Any
) -> None:
    for count, least, most in ((250, 90, 100), (60, 50, 60)):
        columns(count)
        assert least < max(map(len, explain(capsys, "forgetting.score").splitlines())) <= most


def test_explain_of_a_scorecard(capsys: pytest.CaptureFixture[str], written: Any) -> None:
    card = scorecard(loss="failed", membership_loss="failed")
    other = json.loads(json.dumps(card["checks"]))
    card["checks"] += [{**one, "scenario": "sentiment/unit", "outcome": "passed", "message": ""} for one in other]
    by_key = {(one["id"], one["scenario"]): one for one in card["checks"]}
    failed = by_key["privacy.membership-loss", SCENARIO]
    failed["measurements"] = [decided(0.55), {"name": "reported only", "value": 3.0}]
    failed["traceback"] = "Traceback (most recent call last):\n  by hand"
    by_key["privacy.membership-loss", "sentiment/unit"]["measurements"] = [decided(0.49, "above")]
    path = written("scorecard.json", card)
    out = explain(capsys, "privacy.membership-loss", path)
    assert out.startswith(explain(capsys, "privacy.membership-loss"))
    result = out[out.index(f"In {path}, of acme:Unlearner") :]
    words = " ".join(result.split())
    assert words.index(f"failed: {SCENARIO}") < words.index("passed: sentiment/unit")
    assert (
        "x: 0.550 (8 runs), retrained 0.500 (± 0.012, 32 models), original 0.900, margin 0.020; "
        "2.5 × the margin above the references, towards the original the margin was left Traceback"
    ) in words
    assert "0.5 × the margin below the references, away from the original, which does not count" in words
    assert "reported only" not in words
    assert "\n    by hand\n" in result
    assert f"\n  judge it again: {failed['reproduce']}\n" in result
    assert result.count("judge it again") == 1
    meaning, advice = result.split("\nWhat it means\n")[1].split("\nWhat to try\n")
    assert meaning == "  Members can still be told.\n"
    assert advice.startswith("  To forget more, ")
    assert explain(capsys, "privacy.membership-loss", str(Path(path).parent)) == out


def test_explain_names_both_sides_where_both_were_seen(capsys: pytest.CaptureFixture[str], written: Any) -> None:
    card = scorecard(loss="failed")
    (found,) = (one for one in card["checks"] if one["id"] == "forgetting.loss")
    found["measurements"] = [decided(0.4), decided(0.7), decided(0.51)]
    result = explain(capsys, "forgetting.loss", written("card.json", card))
    words = " ".join(result.partition("What it means")[2].split())
    assert words.startswith("Rows are remembered. The loss of the rows was driven up, so that")


@pytest.mark.parametrize(
    "odd",
    [
        decided(None),
        decided(0.7, margin=None),
        decided(0.7, margin=0.0),
        decided(0.7, original=None, runs=None),
        decided(0.7, references=None),
        decided(0.7, references={"mean": None, "sd": None, "n": 32}),
        {"name": "x", "value": None},
    ],
)
def test_explain_takes_numbers_that_are_missing(odd: Any, capsys: pytest.CaptureFixture[str], written: Any) -> None:
    card = scorecard(loss="failed")
    (found,) = (one for one in card["checks"] if one["id"] == "forgetting.loss")
    found["measurements"] = [odd]
    out = explain(capsys, "forgetting.loss", written("card.json", card))
    assert f"failed: {SCENARIO}" in out
    assert "nan" not in out
    assert "What to try" in out


def test_explain_of_passed_and_broken_checks_blames_nothing(capsys: pytest.CaptureFixture[str], written: Any) -> None:
    card = scorecard(membership_loss="error")
    path = written("card.json", card)
    passed = explain(capsys, "forgetting.loss", path)
    assert f"passed: {SCENARIO}" in passed
    assert "What it means" not in passed
    broken = explain(capsys, "privacy.membership-loss", path)
    assert "Nothing could be decided where the outcome is error." in broken
    assert "What to try" not in broken


def test_explain_shows_no_control_characters(capsys: pytest.CaptureFixture[str], written: Any) -> None:
    card = scorecard(loss="failed")
    (found,) = (one for one in card["checks"] if one["id"] == "forgetting.loss")
    found["message"] = "red \x1b[31m herring"
    assert "\x1b" not in explain(capsys, "forgetting.loss", written("card.json", card))


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
    assert re.search(r"acme:Unlearner\b.*\bNONCONFORMANT\b", capsys.readouterr().out)
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
        (["explain", "privacy.membership-lire"], "did you mean privacy.membership-lira"),
        (["explain", "forgetting.backdoor", "{folder}/whole.json"], "has no result of forgetting.backdoor"),
        (["explain", "forgetting.loss", "{folder}"], "scorecard.json cannot be read"),
        (["explain", "forgetting.loss", "{folder}/truncated.json"], "not valid JSON"),
        (["explain", "forgetting.loss", "{folder}/hollow.json"], "malformed"),
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
