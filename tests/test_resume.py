"""Runs that are stopped, from outside: what they leave, and that ``--mu-resume`` makes of it what a whole run makes."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import pytest
from test_judge import comparable

from mu_conformance.scorecard.verification import verify


def lines(path) -> int:
    return len(path.read_text().splitlines()) if path.exists() else 0


def findings(path) -> list[str]:
    """Checks on scenarios in the order in which they were judged; the line that a kill cut off does not count."""
    found = []
    for line in path.read_text().splitlines(keepends=True):
        record = json.loads(line) if line.endswith("\n") else {}
        if "finding" in record:
            found.append(f"{record['finding']['entry']['check']} {record['finding']['entry']['scenario']}")
    return found


def stopped(toy, at: int, how: signal.Signals, *options: str) -> str:
    """Start a run and stop it once its journal has that many lines; return its output."""
    journal = toy.folder / "mu-report" / "journal.jsonl"
    process = subprocess.Popen(
        toy.command("retrain", *options),
        cwd=toy.folder,
        env=toy.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    deadline = time.monotonic() + 200
    while lines(journal) < at and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(how)
    output, _ = process.communicate(timeout=60)
    return output


@pytest.fixture
def whole(toy):
    """The scorecard of a run that nobody stopped; its report is put away."""
    card = toy.run("retrain").card
    (toy.folder / "mu-report").rename(toy.folder / "whole")
    return card


@pytest.mark.parametrize("at", [4, 20, 55])
def test_a_killed_run_resumes_to_the_same_scorecard(toy, whole, at):
    report = toy.folder / "mu-report"
    stopped(toy, at, signal.SIGKILL, *(["-n", "2"] if at == 20 else []))
    before = findings(report / "journal.jsonl")
    assert before
    assert not (report / "scorecard.json").exists()
    made = subprocess.run(
        [sys.executable, "-m", "mu_conformance.cli", "report", "mu-report/journal.jsonl", "--format", "json"],
        cwd=toy.folder,
        capture_output=True,
        text=True,
    )
    assert made.returncode == 0, made.stderr
    partial = json.loads(made.stdout)
    assert verify(partial) == []
    assert (partial["complete"], partial["verdict"]["status"]) == (False, "incomplete")
    run = toy.run("retrain", "--mu-resume", *(["-n", "2"] if at == 55 else []))
    assert run.status == 0, run.output
    assert comparable(run.card) == comparable(whole)
    after = findings(report / "journal.jsonl")
    # nothing was judged twice
    assert after[: len(before)] == before
    assert len(after) == len(set(after)) == len(whole["checks"])


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_run_that_is_asked_to_stop_writes_what_it_has(toy, how):
    output = stopped(toy, 12, how, "-v")
    report = toy.folder / "mu-report"
    assert "partial run: what it did not judge may fail" in output
    assert "--mu-resume" in output
    card = json.loads((report / "partial" / "scorecard.json").read_text())
    assert verify(card) == []
    assert (card["complete"], card["verdict"]["status"]) == (False, "incomplete")
    assert not (report / "scorecard.json").exists()


def test_code_that_swallows_the_interrupt_makes_no_finding_of_it(toy):
    (toy.folder / "conftest.py").write_text(
        """
import os, signal
from mu_conformance.decision.finding import Finding
from mu_conformance.decision.outcome import Fault
from mu_conformance.judging.session import JudgingSession

judge, judged = JudgingSession.judge, []

def swallowing(self, entry):
    judged.append(entry)
    if len(judged) < 5:
        return judge(self, entry)
    try:
        os.kill(os.getpid(), signal.SIGTERM)
    except KeyboardInterrupt:
        pass
    return judge(self, entry)

JudgingSession.judge = swallowing
"""
    )
    run = toy.run("retrain")
    assert run.status == 2, run.output
    partial = json.loads((toy.folder / "mu-report" / "partial" / "scorecard.json").read_text())
    assert sum(one["outcome"] != "not_run" for one in partial["checks"]) == 4


def test_a_partial_run_never_replaces_a_whole_scorecard(toy):
    report = toy.folder / "mu-report"
    toy.run("retrain")
    whole = (report / "scorecard.json").read_bytes()
    for options in (["-k", "contract.finite"], ["-x", "--mu-time-limit", "0.1"]):
        run = toy.run("retrain", "-v", *options)
        assert (report / "scorecard.json").read_bytes() == whole, options
        partial = json.loads((report / "partial" / "scorecard.json").read_text())
        assert partial["complete"] is False
        assert "partial run: what it did not judge may fail" in run.output
        assert "not_run" not in run.output


class TestRefused:
    def test_without_a_journal(self, toy):
        run = toy.run("retrain", "--mu-resume")
        assert run.status == 4
        assert "there is nothing to resume" in run.output
        assert not (toy.folder / "mu-report").exists()

    def test_a_journal_of_other_settings(self, toy):
        toy.run("retrain", "-k", "contract.finite")
        report = toy.folder / "mu-report"
        (report / "partial" / "journal.jsonl").rename(report / "journal.jsonl")
        before = (report / "journal.jsonl").read_bytes()
        for options, message in (
            (["--mu-seed", "3"], "its settings has seed null, this run 3"),
            (["--mu-strict"], "its settings has strict false, this run true"),
        ):
            run = toy.run("retrain", "--mu-resume", *options)
            assert run.status == 4
            assert message in run.output
        other = toy.run("mu_conformance.controls:DoNothing", "--mu-resume")
        assert other.status == 4
        assert "its method has" in other.output
        assert (report / "journal.jsonl").read_bytes() == before
