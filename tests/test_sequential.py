"""Requests in turn and memorized rows, judged through the library's own door."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from mu_conformance.checks.statistics import membership
from mu_conformance.decision.outcome import Outcome
from mu_conformance.evidence.outputs import Outputs
from mu_conformance.scenarios.forget_sets import ForgetSet


@pytest.fixture
def judged(judging):
    """A function from a method to the outcomes of its evidence checks by (check, scenario), and its judge."""
    from toy_task import ToyInTurn

    def judge(ref: str):
        task = ToyInTurn()
        session = judging(ref, task)
        entries = [e for e in session.entries(task) if e.kind != "contract" and not e.check.startswith("contract.")]
        return {(e.check, e.kind): session.finding(e) for e in entries}, session

    return judge


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


def test_rows_of_the_first_request_are_looked_at_by_themselves():
    # four forget rows, of which rows 7 and 12 were asked for first: losses 0 and 3, against holdout losses 1, 2
    task = SimpleNamespace(losses=lambda outputs, rows: outputs)
    asked = ForgetSet("sequential", np.array([3, 7, 9, 12]), in_turn=(np.array([12, 7]), np.array([3, 9])))
    scenario = SimpleNamespace(task=task, rows={"forget": None, "holdout": None}, forget_set=asked)
    own = Outputs({"forget": np.array([9.0, 0.0, 9.0, 3.0]), "holdout": np.array([1.0, 2.0])})
    assert membership.earlier_requests_auc(scenario, own) == 0.5
    own = Outputs({"forget": np.array([9.0, 0.0, 9.0, 1.5]), "holdout": np.array([1.0, 2.0])})
    assert membership.earlier_requests_auc(scenario, own) == 0.75


def test_rows_that_a_later_request_restores_fail(judged):
    findings, _ = judged("mu_conformance.controls:RestoresFirstRequest")
    found = findings["robustness.sequential-requests", "sequential"]
    assert found.outcome is Outcome.FAILED
    assert "a later request brought them back" in found.message
