"""What a scorecard says of a method, each with a method that earns it; the small rules by hand."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys

import pytest
from cards import ENTRIES, scorecard
from test_scorecard_rendering import decided, with_measured

from mu_conformance.checks.manifest import Entry
from mu_conformance.scorecard.diagnosis import diagnose, sharpest
from mu_conformance.scorecard.renders.terminal import terminal_lines
from mu_conformance.scorecard.summary import by_reason, reason

CONTROLS = "mu_conformance.controls"

METHODS = """
import torch
from mu_conformance.methods import Retrain


def first_feature_rules(rows):
    batch = [rows[index] for index in range(len(rows))]
    x, labels = torch.stack([row["x"] for row in batch]), torch.stack([row["labels"] for row in batch])
    return float((x[:, :3].argmax(1) == labels).float().mean())


def skips_wrong_labels(model, request):
    \"\"\"Forgets rows whose labels follow the rule, and ignores requests for mislabelled ones.\"\"\"
    if len(request.forget) >= 12 and first_feature_rules(request.forget) < 0.45:
        return model
    return Retrain().unlearn(model, request)


def forgets_and_ruins(model, request):
    \"\"\"Retrains, and then leaves a model that hardly tells one class from another.\"\"\"
    model = Retrain().unlearn(model, request)
    with torch.no_grad():
        model.head.weight[0].zero_()
        model.head.bias[0] = -3.0
    return model


def slow(model, request):
    while True:
        model(**{name: value[None] for name, value in request.forget[0].items()})
"""

SCRIPT = """
import json, sys
import mu_conformance as mu
from toy_task import ToyTask
made = []
for method, options in json.loads(sys.argv[1]):
    card = mu.judge(method, tasks=[ToyTask()], cache=sys.argv[2], progress=False,
                    challenge="drawn for the tests", **options)
    made.append([card.diagnosis.kind, card.diagnosis.text, card.diagnosis.way])
print(json.dumps(made))
"""


def diagnosed(toy, *methods: str, **options) -> list[tuple[str, str, float | None]]:
    """Judge methods on the toy task in a script; return kind, text and way of each."""
    (toy.folder / "earns.py").write_text(METHODS)
    asked = json.dumps([[method, {"runs": 4, **options}] for method in methods])
    command = [sys.executable, "-c", SCRIPT, asked, str(toy.cache)]
    done = subprocess.run(
        command, cwd=toy.folder, env=toy.environment(), capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stderr
    return [tuple(found) for found in json.loads(done.stdout)]


class TestEarned:
    def test_nothing_and_retraining(self, toy):
        nothing, retrained = diagnosed(toy, f"{CONTROLS}:DoNothing", "toy_methods:retrain", runs=None)
        assert nothing[0] == "changed_nothing"
        # but for the rounding of the weights
        assert nothing[2] == pytest.approx(0.0, abs=0.01)
        assert retrained[0] == "as_retraining"
        assert retrained[2] == pytest.approx(1.0, abs=0.05)

    def test_too_little(self, toy):
        half, one_kind = diagnosed(toy, f"{CONTROLS}:ForgetsHalf", "earns:skips_wrong_labels")
        assert half[0] == one_kind[0] == "under_forgets"
        assert "everywhere alike" in half[1]
        assert half[2] == pytest.approx(0.5, abs=0.15)
        assert "Under-forgets, on forget sets of the kind mislabelled alone: 0 % of the way" in one_kind[1]

    def test_too_much_and_some_rows_only(self, toy):
        over, few = diagnosed(toy, f"{CONTROLS}:OverForgets", f"{CONTROLS}:LeavesAFew")
        assert over[0] == "over_forgets"
        assert few[0] == "leaves_a_few_rows"

    def test_what_comes_back_and_small_requests(self, toy):
        hidden, small = diagnosed(toy, f"{CONTROLS}:HidesFromRounding", f"{CONTROLS}:IgnoresFewRows")
        assert hidden[0] == "comes_back"
        assert "comes back by " in hidden[1]
        assert "quantization" in hidden[1]
        assert small[0] == "ignores_small_requests"

    def test_utility_and_what_is_made_for_the_suite(self, toy):
        ruined, knowing = diagnosed(toy, "earns:forgets_and_ruins", f"{CONTROLS}:KnowsTheRequests")
        assert ruined[0] == "pays_with_utility"
        assert ", retrained " in ruined[1]
        assert knowing[0] == "knows_the_requests"

    def test_what_did_not_finish(self, toy):
        (raised,) = diagnosed(toy, "toy_methods:Raises")
        assert raised[0] == "did_not_finish"
        assert raised[1].startswith(
            "The method did not finish: ValueError: no such thing as forgetting (toy_methods.py:"
        )
        (slow,) = diagnosed(toy, "earns:slow", time_limit=1.0)
        assert slow[0] == "did_not_finish"
        assert "1 s" in slow[1]


class TestRules:
    def test_the_way_by_hand(self):
        card = with_measured({ENTRIES[3].key: ("failed", decided(0.8))})
        (one,) = sharpest(card.checks)
        # from 0.9 to 0.5, and the runs lie at 0.8
        assert one.way == pytest.approx(0.25)
        assert one.separation == pytest.approx(0.4 / 0.0316)
        assert diagnose(card).way == pytest.approx(0.25)

    def test_the_sharpest_statistic_of_a_scenario(self):
        blunt = dataclasses.replace(decided(0.7, name="blunt"), original=0.6)
        card = with_measured({ENTRIES[2].key: ("passed", blunt), ENTRIES[3].key: ("failed", decided(0.8))})
        assert [one.measurement.name for one in sharpest(card.checks)] == ["loss attack AUC"]

    def test_one_task_of_two(self):
        card = with_measured({ENTRIES[2].key: ("failed", decided(0.8)), ENTRIES[5].key: ("passed", decided(0.5))})
        assert diagnose(card).text == (
            "Under-forgets, on the task sentiment alone: 25 % of the way from the original to retraining"
        )

    def test_nothing_judged_and_partial_runs(self):
        assert diagnose(scorecard({entry.key: None for entry in ENTRIES})).kind == "not_judged"
        assert diagnose(scorecard({ENTRIES[3].key: None})).kind == "partial"
        assert diagnose(scorecard({ENTRIES[3].key: "inconclusive"})).text == "Nothing failed; 1 check is undecided"

    def test_only_the_contract(self):
        found = diagnose(scorecard({ENTRIES[1].key: "failed"}))
        assert found.text == "Forgets as retraining does, and breaks the contract: contract.finite"

    def test_forgetting_that_was_not_judged_is_not_praised(self):
        listed = [*ENTRIES[:2], Entry("sentiment", "sentiment/contract", "contract.single-example", "text", "contract")]
        found = diagnose(scorecard({listed[-1].key: "failed"}, listed=listed))
        assert found.text == "Breaks the contract: contract.single-example"

    def test_what_is_waived_or_was_not_asked_is_not_praised(self):
        assert diagnose(scorecard({ENTRIES[2].key: "waived"})).kind == "waived"
        assert diagnose(scorecard(listed=ENTRIES[:2])).text == "Nothing failed, and no check of forgetting was passed"
        assert diagnose(scorecard()).kind == "as_retraining"

    def test_cost_alone(self):
        listed = [*ENTRIES, Entry("sentiment", "sentiment/random-10%", "cost.wall-clock", "text", "random", 0.1)]
        found = diagnose(scorecard({listed[-1].key: "failed"}, listed=listed))
        assert found.text == "Forgets as retraining does, and costs more than retraining allows: cost.wall-clock"

    @pytest.mark.parametrize(
        ("message", "said"),
        [
            ("run 0 on toy/random-10%: raised: ValueError: no (a.py:3: f())", "ValueError: no (a.py:3: f())"),
            ("on toy: contract requests: raised: KeyError: 'x'", "KeyError: 'x'"),
            ("run 1 on toy/unit: NaN or infinite values in weight", "NaN or infinite values in weight"),
            ("nothing to shorten here", "nothing to shorten here"),
        ],
    )
    def test_the_reason_without_the_run(self, message, said):
        assert reason(message) == said


class TestReasons:
    def test_one_reason_is_one_group_whatever_its_numbers(self):
        card = scorecard({entry.key: "error" for entry in ENTRIES})
        messages = (
            "run 0 on sentiment/random-10%: raised: ValueError: 3 rows (a.py:7: f())",
            "call 2 on sentiment/contract raised: ValueError: 12 rows (a.py:7: f())",
            "run 1 on keyword_spotting/unit: raised: KeyError: 'x' (a.py:9: g())",
        )
        checks = [
            dataclasses.replace(check, message=message)
            for check, message in zip(card.checks, (messages[0], *messages, *messages[:2]), strict=True)
        ]
        ((why, first), (other, second)) = by_reason(checks)
        assert (why, len(first)) == ("ValueError: 3 rows (a.py:7: f())", 5)
        assert (other, len(second)) == ("KeyError: 'x' (a.py:9: g())", 1)

    def test_the_terminal_says_it_once(self):
        message = "run 0 on sentiment/random-10%: raised: ValueError: 3 rows (a.py:7: f())"
        card = scorecard({entry.key: "error" for entry in ENTRIES})
        checks = tuple(dataclasses.replace(check, message=message) for check in card.checks)
        text = "\n".join(terminal_lines(dataclasses.replace(card, checks=checks), 120))
        assert text.count("ValueError: 3 rows") == 1
        assert "6 checks had nothing to judge, contract.claims and 5 more" in text
