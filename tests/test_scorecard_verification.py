"""Verification: what it finds in a scorecard that contradicts itself."""

from __future__ import annotations

import copy

import cards
import pytest
from cards import FORGETTING, card, scorecard

from mu_conformance.protocol.claims import Claims
from mu_conformance.scorecard.document import Check, read_json, write
from mu_conformance.scorecard.verdict import overall
from mu_conformance.scorecard.verification import verify


class TestVerify:
    waiver = {"check": "forgetting.score", "scenario": "sentiment/*", "reason": "issue 12", "source": "waivers.toml"}

    @pytest.mark.parametrize("changed", [{}, {FORGETTING: "failed"}, {FORGETTING: None}])
    def test_an_untouched_scorecard_adds_up(self, changed, tmp_path):
        write(scorecard(changed), tmp_path / "scorecard.json")
        assert verify(read_json(tmp_path / "scorecard.json")) == []

    @pytest.mark.parametrize(
        "waivers",
        [[], [{**waiver, "scenario": "keyword_spotting/*"}], [{**waiver, "check": "forgetting.loss"}]],
        ids=["none", "another scenario", "another check"],
    )
    def test_a_waived_check_that_no_waiver_names(self, waivers):
        problem = "forgetting.score on sentiment/random-10%: waived, but no waiver of the scorecard names it"
        assert verify(card({FORGETTING: "waived"}, waivers=waivers)) == [problem]

    @pytest.mark.parametrize(
        ("interval", "sides", "said", "shown"),
        [
            ([0.4, 0.6], "both", "passed", "failed"),
            ([0.0, 0.6], "both", "passed", "inconclusive"),
            ([-0.1, 0.1], "both", "failed", "passed"),
            ([-0.6, -0.4], "above", "failed", "passed"),
            ([-0.6, -0.4], "below", "passed", "failed"),
        ],
    )
    def test_an_outcome_that_its_interval_does_not_bear_out(self, interval, sides, said, shown):
        # The margin is 0.3 throughout.
        honest, tampered = card({FORGETTING: shown}), card({FORGETTING: said})
        for made in (honest, tampered):
            measured = {"name": "x", "value": 0.5, "interval": interval, "level": 0.95, "margin": 0.3, "sides": sides}
            made["checks"][2]["measurements"] = [measured]
        assert verify(honest) == []
        problem = f"forgetting.score on sentiment/random-10%: outcome {said}, its interval and margin say {shown}"
        assert verify(tampered) == [problem]

    def test_the_worst_of_several_measurements_decides(self):
        tampered = card()
        inside = {"name": "x", "value": 0.0, "interval": [-0.1, 0.1], "level": 0.95, "margin": 0.3, "sides": "both"}
        tampered["checks"][2]["measurements"] = [inside, {**inside, "interval": [0.5, 0.6]}, inside]
        (problem,) = verify(tampered)
        assert problem.endswith("outcome passed, its interval and margin say failed")

    def test_claims_that_ask_for_less_than_was_required(self):
        tampered = card()
        tampered["method"]["claims"]["guarantee"] = "suppression"
        assert verify(tampered) == [
            "privacy.membership-loss on sentiment/random-10%: required is True, the claims say otherwise",
            "verdict.guarantee is 'retrain_equivalent', the checks give 'suppression'",
            "verdict.supports is 'retrain_equivalent', the checks give 'suppression'",
        ]

    def test_a_changed_outcome(self):
        tampered = card({FORGETTING: "failed"})
        tampered["checks"][2]["outcome"] = "passed"
        problems = verify(tampered)
        assert "verdict.status is 'nonconformant', the checks give 'conformant'" in problems
        assert "verdict.passed is 5, the checks give 6" in problems

    def test_a_changed_verdict(self):
        tampered = card({FORGETTING: "failed"})
        tampered["verdict"]["status"] = "conformant"
        assert verify(tampered) == ["verdict.status is 'conformant', the checks give 'nonconformant'"]

    def test_a_check_that_is_no_longer_required(self):
        tampered = card({FORGETTING: "failed"})
        tampered["checks"][2]["required"] = False
        problems = verify(tampered)
        assert "forgetting.score on sentiment/random-10%: required is False, the claims say otherwise" in problems
        assert any(line.startswith("verdict.required is 6") for line in problems)

    def removed(checks):
        del checks[2]

    def added(checks):
        checks.append({**checks[-1], "id": "contract.no-network"})

    def renamed(checks):
        checks[2]["id"] = "forgetting.loss"

    def moved(checks):
        checks[2]["scenario"] = "sentiment/random-1%"

    def doubled(checks):
        checks.append(copy.deepcopy(checks[-1]))

    @pytest.mark.parametrize("tamper", [removed, added, renamed, moved, doubled], ids=lambda f: f.__name__)
    def test_other_questions_than_the_manifests(self, tamper):
        tampered = card()
        tamper(tampered["checks"])
        # Even a verdict that fits the changed list does not hide it.
        checks = [Check.from_json(entry) for entry in tampered["checks"]]
        tampered["verdict"] = overall(checks, Claims()).to_json()
        found = verify(tampered)
        assert found[0] == "the checks are not those of the manifest: entries were added, removed or renamed"
        assert all("separation" in line for line in found[1:])

    def test_an_unknown_outcome(self):
        tampered = card()
        tampered["checks"][2]["outcome"] = "superb"
        assert "forgetting.score on sentiment/random-10%: unknown outcome 'superb'" in verify(tampered)

    @pytest.mark.parametrize("key", ["verdict", "suite"])
    def test_a_missing_part(self, key):
        tampered = card()
        del tampered[key]
        assert verify(tampered) == [f"the key '{key}' is missing"]

    def test_a_stronger_guarantee_than_the_claims(self):
        tampered = card(claims=Claims(guarantee="suppression"))
        tampered["verdict"]["guarantee"] = "exact"
        assert verify(tampered)


class TestFounded:
    """A verdict of conformance rests on calls, and on scenarios that tell."""

    def test_one_without_calls(self):
        found = {**card(), "invocation": {"args": []}}
        assert verify(found) == ["the verdict is of conformance, and the method was not called"]

    @pytest.mark.parametrize("separation", [None, 5.9])
    def test_one_without_power(self, separation):
        found = card()
        found["suite"]["power"] = [
            {**one, "separation": separation} for one in found["suite"]["power"] if separation is not None
        ]
        (first, *_) = verify(found)
        assert first == f"keyword_spotting/unit passed with separation {separation}, and 6 is required to tell"

    def test_the_suite_looks_at_its_own_before_it_says_conformant(self, monkeypatch):
        monkeypatch.setattr(cards, "SECONDS", {})
        found = card()
        assert (found["verdict"]["status"], found["verdict"]["supports"]) == ("incomplete", None)
        assert found["suite"]["contradictions"] == ["the verdict is of conformance, and the method was not called"]

    def test_what_ran_in_the_suites_process_is_never_conformant(self):
        found = card()
        found["suite"]["isolated"] = False
        assert any(line.startswith("verdict.status is 'conformant'") for line in verify(found))
