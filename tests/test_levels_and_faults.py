"""Levels and faults from outside: what is a recommendation, and what is not the method's fault."""

from __future__ import annotations

import json

import pytest

from mu_conformance.scorecard.verification import verify

METHODS = """
import os
import threading
import time

from mu_conformance.methods import Retrain


class Untidy(Retrain):
    \"\"\"Retrains, and leaves the model in training mode, a variable set and a thread running.\"\"\"

    def unlearn(self, model, request):
        os.environ["UNTIDY"] = "1"
        threading.Thread(target=time.sleep, args=(20,), daemon=True, name="untidy").start()
        return super().unlearn(model, request).train()


class NoEmptyRequests(Retrain):
    def unlearn(self, model, request):
        if not len(request.forget):
            raise ValueError("nothing to forget")
        return super().unlearn(model, request)


class HarmfulOnLargerRequests(Retrain):
    \"\"\"Retrains, sets a variable each time, and changes the default dtype where more than one row is forgotten.\"\"\"

    def unlearn(self, model, request):
        import torch

        os.environ["UNTIDY"] = "1"
        retrained = super().unlearn(model, request)
        if len(request.forget) > 1:
            torch.set_default_dtype(torch.float64)
        return retrained


class CallsHomeAfterwards(Retrain):
    \"\"\"Retrains, and leaves a thread that connects once the call has returned.\"\"\"

    def unlearn(self, model, request):
        import socket

        def connect():
            time.sleep(0.002)
            socket.create_connection(("127.0.0.1", 9), 1)

        retrained = super().unlearn(model, request)
        threading.Thread(target=connect, daemon=True).start()
        return retrained


class Elsewhere(Retrain):
    \"\"\"Retrains in training mode, and changes the default dtype.\"\"\"

    def unlearn(self, model, request):
        import torch

        retrained = super().unlearn(model, request).train()
        torch.set_default_dtype(torch.float64)
        return retrained
"""

WEAK = """
import dataclasses

from mu_conformance.suites.classification import ClassificationSuite
from toy_task import ToyTask


class WeakTask(ToyTask):
    name = "weak"
    forget_sets = ("random",)
    recipe = dataclasses.replace(ToyTask.recipe, epochs=1, learning_rate=1e-4)


class TestWeak(ClassificationSuite):
    task = WeakTask
"""


@pytest.fixture
def methods(toy):
    (toy.folder / "levels.py").write_text(METHODS)
    return toy


def recommended(card: dict) -> set[str]:
    return {found["id"] for found in card["verdict"]["recommendations"]}


def test_hygiene_is_recommended_and_decides_where_it_is_asked_for(methods):
    run = methods.run("levels:Untidy", "-v", "-k", "contract-contract or forgetting or utility")
    failed = {(e["id"], e["level"], e["required"]) for e in run.card["checks"] if e["outcome"] == "failed"}
    assert failed == {
        ("contract.global-state-unchanged", "should", True),
        ("contract.mode-and-device-preserved", "should", True),
    }
    assert recommended(run.card) == {"contract.global-state-unchanged", "contract.mode-and-device-preserved"}
    assert verify(run.card) == []
    assert "recommendations, which decide nothing (2):" in run.output
    assert "  contract.mode-and-device-preserved on toy/contract: " in run.output
    assert " failed" not in run.output.splitlines()[-1]
    strict = methods.run("levels:Untidy", "-k", "contract-contract or forgetting or utility", "--mu-strict")
    assert strict.card["suite"]["strict"] is True
    assert strict.card["verdict"]["status"] == "nonconformant"
    assert recommended(strict.card) == set()
    assert verify(strict.card) == []


def test_a_crash_on_an_empty_request_is_a_recommendation(methods):
    run = methods.run("levels:NoEmptyRequests")
    assert run.status == 0, run.output
    assert run.card["verdict"]["status"] == "conformant"
    assert recommended(run.card) == {"contract.empty-request"}
    text = (methods.folder / "mu-report" / "scorecard.md").read_text()
    assert "## Recommendations" in text
    strict = methods.run("levels:NoEmptyRequests", "-k", "empty-request", "--mu-strict")
    (entry,) = [entry for entry in strict.card["checks"] if entry["id"] == "contract.empty-request"]
    assert (entry["outcome"], entry["level"], entry["required"], entry["fault"]) == ("error", "should", True, "method")
    assert strict.card["verdict"]["status"] == "nonconformant"


def test_a_must_part_outweighs_a_should_part_of_a_check(methods):
    run = methods.run("levels:Elsewhere", "-k", "contract-contract.global-state")
    (entry,) = [entry for entry in run.card["checks"] if entry["outcome"] == "failed"]
    assert entry["level"] == "must"
    assert "default dtype" in entry["message"]


def test_a_recommendation_on_one_request_does_not_hide_a_failure_on_another(methods):
    run = methods.run("levels:HarmfulOnLargerRequests", "-k", "contract-contract.global-state")
    (entry,) = [entry for entry in run.card["checks"] if entry["outcome"] == "failed"]
    assert entry["level"] == "must"
    assert "default dtype" in entry["message"]
    assert run.card["verdict"]["status"] == "nonconformant"


def test_connections_are_refused_after_the_call_has_returned_too(methods):
    run = methods.run("levels:CallsHomeAfterwards", "-k", "no-network")
    outcomes = {entry["outcome"] for entry in run.card["checks"] if entry["id"] == "contract.no-network"}
    assert outcomes == {"failed"}, run.output


def test_a_raising_methods_model_is_its_own_fault(toy):
    run = toy.run("RaisesOnReal", "-k", "random and contract.returns-model")
    (entry,) = [entry for entry in run.card["checks"] if entry["outcome"] == "error"]
    assert entry["fault"] == "method"


def test_a_fixture_without_power_is_the_suites_fault(toy):
    (toy.folder / "test_toy.py").write_text(WEAK)
    run = toy.run("retrain", "-v")
    card = run.card
    assert run.status == 1
    assert card["verdict"]["status"] == "incomplete"
    errors = [entry for entry in card["checks"] if entry["outcome"] == "error"]
    assert errors
    assert {entry["fault"] for entry in errors} == {"suite"}
    assert all("cannot tell a model that saw the forget set" in entry["message"] for entry in errors)
    assert (card["complete"], card["verdict"]["supports"]) == (True, None)
    assert "(the suite's fault)" in run.output
    assert verify(card) == []


def test_a_method_that_breaks_is_at_fault_itself(toy):
    run = toy.run("RaisesOnReal", "-k", "forgetting")
    errors = [entry for entry in run.card["checks"] if entry["outcome"] == "error"]
    assert {entry["fault"] for entry in errors} == {"method"}
    assert run.card["verdict"]["status"] == "nonconformant"


def test_distances_and_what_is_supported(toy):
    retrained = toy.run("retrain").card
    assert retrained["verdict"]["supports"] == "retrain_equivalent"
    assert set(retrained["verdict"]["distance"]) == {"forgetting", "privacy", "utility", "robustness"}
    assert all(0 <= found["median"] <= found["worst"] < 1 for found in retrained["verdict"]["distance"].values())
    nothing = toy.run("mu_conformance.controls:DoNothing").card
    assert nothing["verdict"]["supports"] is None
    assert nothing["verdict"]["distance"]["forgetting"]["worst"] > 1
    for card in (retrained, nothing):
        for entry in card["checks"]:
            for measured in entry["measurements"]:
                decided = "interval" in measured and "references" in measured
                assert ("distance" in measured) is ("difference" in measured) is decided, (entry["id"], measured)
                if decided:
                    low, high = measured["interval"]
                    assert low <= measured["difference"] <= high
    original = [
        measured["distance"]
        for entry in nothing["checks"]
        if entry["id"] == "forgetting.score"
        for measured in entry["measurements"]
        if "distance" in measured
    ]
    # doing nothing is as far towards the original as the original: three margins of a third of the gap
    assert original
    assert all(distance == pytest.approx(3.0, abs=0.5) for distance in original), json.dumps(original)


def test_the_former_name_of_a_profile_warns_once(toy):
    run = toy.run("retrain", "--mu-profile", "certify", "-k", "contract-contract.finite", "-n", "2")
    assert run.card["suite"]["profile"] == "thorough"
    assert run.output.count("the profile certify is now called thorough") == 1
