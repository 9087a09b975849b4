"""Requests in turn and memorized rows, judged through the library's own door."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mu_conformance.judging import Judge, Settings
from mu_conformance.verdict import Outcome

TOY = str(Path(__file__).parent / "toy")


@pytest.fixture
def judged(shared_cache, monkeypatch):
    """A function from a method to the outcomes of its evidence checks by (check, scenario), and its judge."""
    monkeypatch.syspath_prepend(TOY)
    from toy_task import ToyInTurn

    made = []

    def judge(ref: str):
        task = ToyInTurn()
        made.append(Judge(ref, Settings(cache=shared_cache), tasks=[task], sys_path=list(sys.path)))
        entries = [e for e in made[-1].entries(task) if e.kind != "contract" and not e.check.startswith("contract.")]
        return {(e.check, e.kind): made[-1].finding(e)[0] for e in entries}, made[-1]

    yield judge
    for one in made:
        one.close()


def test_retraining_at_each_request_passes(judged):
    findings, judge = judged("mu_conformance.methods:Retrain")
    assert {key: f.message for key, f in findings.items() if f.outcome is not Outcome.PASSED} == {}
    evidence = judge.evidence("toy_in_turn", "toy_in_turn/sequential-10%")
    for run in evidence.records(1):
        assert [record.call.report["reads"]["retain"]["of"] for record in run.records] == [285, 270]


def test_doing_nothing_fails_on_both(judged):
    findings, _ = judged("mu_conformance.controls:DoNothing")
    for kind in ("sequential", "memorized"):
        assert findings["privacy.membership-loss", kind].outcome is Outcome.FAILED
        assert findings["forgetting.loss", kind].outcome is Outcome.FAILED
