"""Conditions from outside: real runs over the toy task under a budget, with adapters, under a curriculum."""

from __future__ import annotations

import pytest

from mu_conformance.scorecard import verification


def entry(run, check: str, scenario: str):
    (found,) = [e for e in run.card["checks"] if e["id"] == check and e["scenario"] == scenario]
    return found


@pytest.mark.parametrize(
    ("method", "says"),
    [
        ("retrain", "FLOPs, with a budget of"),
        ("GoesOnPastItsBudget", "went on past its budget"),
    ],
)
def test_a_method_that_exceeds_its_budget_is_stopped_and_fails(toy, method, says):
    run = toy.run(method, "--mu-budget", "0.5", "-k", "random and (budget-respected or returns-model or forgetting)")
    assert run.status == 1
    found = entry(run, "contract.budget-respected", "toy/random-10%+budget-0.5")
    assert found["outcome"] == "failed"
    assert says in found["message"]
    assert "--mu-budget 0.5" in found["reproduce"]
    others = {e["outcome"] for e in run.card["checks"] if e["id"] == "forgetting.loss"}
    assert "passed" not in others or method == "GoesOnPastItsBudget"


# fine-tuning is a fifth of the recipe's epochs: the second budget is a quarter of that
@pytest.mark.parametrize(("budget", "least", "most"), [("0.25", 0.199, 0.201), ("0.05", 0.04, 0.05)])
def test_a_method_within_its_budget_is_judged(toy, budget, least, most):
    run = toy.run("mu_conformance.methods:FineTune", "--mu-budget", budget, "-k", "budget-respected or random")
    assert entry(run, "contract.budget-respected", f"toy/random-10%+budget-{budget}")["outcome"] == "passed"
    assert entry(run, "forgetting.loss", f"toy/random-10%+budget-{budget}")["measurements"]
    cost = entry(run, "cost.wall-clock", f"toy/random-10%+budget-{budget}")["measurements"]
    (share,) = [one["value"] for one in cost if one["name"] == "FLOPs, times retraining"]
    assert least < share <= most


def test_a_budget_of_less_than_a_step_is_an_error_that_says_so(toy):
    run = toy.run("mu_conformance.methods:FineTune", "--mu-budget", "0.001", "-k", "random and forgetting.loss")
    found = entry(run, "forgetting.loss", "toy/random-10%+budget-0.001")
    assert found["outcome"] == "error"
    # 270 rows are 6 batches of at most 50, for 40 epochs
    assert "less than one of the 240 steps" in found["message"]
    assert "give --mu-budget 0.0042 or more" in found["message"]


def test_retraining_is_conformant_under_a_curriculum(toy):
    run = toy.run("retrain", "--mu-curriculum", "superloss", "-n", "2")
    assert run.status == 0, run.output
    assert {e["scenario"].partition("+")[2] for e in run.card["checks"]} == {"superloss"}
    assert verification.verify(run.card) == []


def test_adapters_are_trained_and_the_frozen_weights_checked_bitwise(toy):
    run = toy.run("retrain", "--mu-peft", "lora:8", "-k", "random and contract")
    assert entry(run, "contract.returns-model", "toy/random-10%+lora-8")["outcome"] == "passed", run.output
    run = toy.run("MovesFrozenWeights", "--mu-peft", "lora:8", "-k", "random and contract")
    found = entry(run, "contract.returns-model", "toy/random-10%+lora-8")
    assert found["outcome"] == "failed"
    assert "frozen parameter body.base_layer.weight was changed" in found["message"]


def test_sisa_is_conformant_on_sharded_originals(toy):
    run = toy.run("mu_conformance.methods:SISA", "--mu-shards", "2")
    assert run.status == 0, run.output
    assert {e["scenario"].partition("+")[2] for e in run.card["checks"]} == {"shards-2"}
    assert run.card["verdict"]["guarantee"] == "exact"


def test_another_share_is_forgotten(toy):
    run = toy.run("retrain", "--mu-ratio", "0.04", "-k", "random and contract.returns-model")
    found = entry(run, "contract.returns-model", "toy/random-4%")
    assert found["outcome"] == "passed", run.output
    assert "--mu-ratio 0.04" in found["reproduce"]
