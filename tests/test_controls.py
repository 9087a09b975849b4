"""Every control is caught by the check that it names, and retraining passes that check: through the library."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from mu_conformance import discovery
from mu_conformance.checks import catalogue
from mu_conformance.decision.outcome import Fault, Outcome
from mu_conformance.isolation import launch
from mu_conformance.isolation.client import MethodProcess
from mu_conformance.isolation.sandbox import choose_sandbox
from mu_conformance.judging.session import JudgingSession
from mu_conformance.scenarios.profiles import PROFILES
from mu_conformance.tasks import registry

TOY = str(Path(__file__).parent / "toy")
PROFILE = dataclasses.replace(PROFILES["smoke"], audit_models=64)
CONTROLS = discovery.member_names("mu_conformance.controls")
SHOWN_ON = {
    # what needs a class to forget, a deep model, buffers, requests in turn, a trigger, data in files or rows enough for
    # a wide range of sizes; the toy task shows all others
    "ForgetsRandomRowsOnly": "ToyByClass",
    "HidesClassByBias": "ToyByClass",
    "HidesFromRounding": "image_classification",
    "HidesInLastLayer": "image_classification",
    "HidesInSmallWeights": "image_classification",
    "HidesUntilFineTuned": "image_classification",
    "IgnoresMiddlingRequests": "image_classification",
    "KeepsBuffers": "image_classification",
    "LeavesTheTrigger": "ToyWithTrigger",
    "RestoresFirstRequest": "ToyInTurn",
    "TrainsOnHoldout": "tabular",
    "UndeclaredRetain": "tabular",
}
LOOKS_FOR_DATA = ("TrainsOnHoldout", "UndeclaredRetain")
TASKS = ("ToyTask", *sorted(set(SHOWN_ON.values())))


@pytest.fixture(scope="module", autouse=True)
def shared_fork_server():
    """One process that imports torch, from which all these methods' calls are forked."""
    path = [TOY, *launch.search_path()]
    method = MethodProcess("mu_conformance.methods:Retrain", sys_path=path, sandbox=choose_sandbox("auto"))
    shared = method.share([])
    if shared is not None:
        launch.use_shared(*shared)
    yield
    launch.stop_sharing()
    method.close()


@pytest.fixture
def judge(judging):
    import toy_task

    def make(ref: str, name: str) -> tuple[JudgingSession, list]:
        task = registry.find_task(name) if name in registry.task_names() else getattr(toy_task, name)()
        session = judging(ref, task, profile=PROFILE)
        return session, session.entries(task)

    return make


def test_there_are_enough_of_them():
    assert len(CONTROLS) >= 25
    assert SHOWN_ON.keys() <= set(CONTROLS)


@pytest.mark.parametrize("name", CONTROLS)
def test_control_is_caught_by_its_check(judge, name):
    control = discovery.member("mu_conformance.controls", name)
    assert control.caught_by in catalogue()
    judged, entries = judge(f"mu_conformance.controls:{name}", SHOWN_ON.get(name, "ToyTask"))
    named = (entry for entry in entries if entry.check == control.caught_by)
    findings = [judged.finding(entry) for entry in named]
    # A sandbox hides the suite's data, so that a method which looks for them breaks before it can be seen reading.
    broken = name in LOOKS_FOR_DATA and any(found.fault is Fault.METHOD for found in findings)
    assert broken or any(found.outcome is Outcome.FAILED for found in findings)


@pytest.mark.parametrize("task", TASKS)
def test_retraining_passes_every_check_that_a_control_names(judge, task):
    shown = [name for name in CONTROLS if SHOWN_ON.get(name, "ToyTask") == task]
    named = {discovery.member("mu_conformance.controls", name).caught_by for name in shown}
    judged, entries = judge("mu_conformance.methods:Retrain", task)
    findings = {(e.check, e.scenario): judged.finding(e) for e in entries if e.check in named}
    assert findings
    assert {key: f.message for key, f in findings.items() if f.outcome is not Outcome.PASSED} == {}
