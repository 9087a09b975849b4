"""Every control is caught by the check that it names, and retraining passes that check: through the library's own door."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mu_conformance import registry
from mu_conformance.checks import catalogue
from mu_conformance.judging import Judge, Settings
from mu_conformance.verdict import Outcome

TOY = str(Path(__file__).parent / "toy")


@pytest.fixture
def judge(shared_cache, monkeypatch):
    monkeypatch.syspath_prepend(TOY)
    from toy_task import ToyTask

    made = []

    def make(ref: str) -> tuple[Judge, list]:
        task = ToyTask()
        made.append(Judge(ref, Settings(cache=shared_cache), tasks=[task], sys_path=list(sys.path)))
        return made[-1], made[-1].entries(task)

    yield make
    for one in made:
        one.close()


@pytest.mark.parametrize("name", registry.member_names("mu_conformance.controls"))
def test_control_is_caught_by_its_check(judge, name):
    control = registry.member("mu_conformance.controls", name)
    assert control.caught_by in catalogue()
    judged, entries = judge(f"mu_conformance.controls:{name}")
    outcomes = [judged.finding(entry)[0].outcome for entry in entries if entry.check == control.caught_by]
    assert Outcome.FAILED in outcomes


def test_retraining_passes_every_check_that_a_control_names(judge):
    named = {control.caught_by for control in registry.members("mu_conformance.controls").values()}
    judged, entries = judge("mu_conformance.methods:Retrain")
    findings = {(e.check, e.scenario): judged.finding(e)[0] for e in entries if e.check in named}
    assert {key: f.message for key, f in findings.items() if f.outcome is not Outcome.PASSED} == {}
