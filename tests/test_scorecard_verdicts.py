"""The verdict over all checks: its truth table."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mu_conformance.decision.outcome import Outcome
from mu_conformance.scorecard.verdict import CONFORMANT, overall

quick = settings(deadline=None, max_examples=80, database=None)


def entry(id: str, outcome: str, *, needed: bool = True, task: str = "a") -> dict:
    return {"id": id, "task": task, "scenario": f"{task}/random-10%", "outcome": outcome, "required": needed}


class TestOverall:
    good = [entry("forgetting.score", "passed"), entry("utility.test-score", "passed")]

    def status(self, *more: dict) -> str:
        return overall([*self.good, *more], "exact")["status"]

    @pytest.mark.parametrize(
        ("outcome", "status"),
        [
            ("passed", "conformant"),
            ("waived", "conformant_with_waivers"),
            ("failed", "nonconformant"),
            ("error", "nonconformant"),
            ("stale_waiver", "nonconformant"),
            ("inconclusive", "incomplete"),
            ("not_run", "incomplete"),
            ("not_claimed", "incomplete"),
            ("a word of another version", "incomplete"),
        ],
    )
    def test_one_required_check_decides(self, outcome, status):
        assert self.status(entry("privacy.membership-loss", outcome)) == status

    @pytest.mark.parametrize("outcome", list(Outcome))
    def test_what_is_not_required_decides_nothing(self, outcome):
        assert self.status(entry("privacy.membership-loss", str(outcome), needed=False)) == "conformant"

    def test_a_failure_outweighs_what_is_missing(self):
        assert (
            self.status(entry("contract.finite", "not_run"), entry("contract.no-network", "failed")) == "nonconformant"
        )

    def test_what_is_missing_outweighs_a_waiver(self):
        assert self.status(entry("contract.finite", "waived"), entry("contract.no-network", "not_run")) == "incomplete"

    @pytest.mark.parametrize(
        "checks",
        [
            [],
            [entry("contract.claims", "passed")],
            [entry("forgetting.score", "passed")],
            [entry("utility.test-score", "passed")],
            # forgetting on one task and utility on another say nothing of either
            [entry("forgetting.score", "passed"), entry("utility.test-score", "passed", task="b")],
            [entry("forgetting.score", "passed", needed=False), entry("utility.test-score", "passed")],
            [entry("privacy.membership-loss", "passed"), entry("utility.test-score", "passed")],
        ],
        ids=["nothing", "claims", "no utility", "no forgetting", "two tasks", "not required", "no forgetting family"],
    )
    def test_passing_without_substance_is_incomplete(self, checks):
        assert overall(checks, "exact")["status"] == "incomplete"

    def test_the_numbers_by_hand(self):
        checks = [
            *self.good,
            entry("contract.finite", "waived", task="b"),
            entry("contract.no-network", "failed"),
            entry("cost.wall-clock", "not_claimed", needed=False, task="c"),
        ]
        assert overall(checks, "suppression") == {
            "status": "nonconformant",
            "guarantee": "suppression",
            "scope": ["a", "b"],
            "required": 4,
            "passed": 2,
            "not_passed": ["contract.finite", "contract.no-network"],
        }

    ids = st.sampled_from(["forgetting.score", "utility.test-score", "contract.finite", "privacy.membership-lira"])
    many = st.lists(
        st.builds(entry, ids, st.sampled_from(Outcome).map(str), needed=st.booleans(), task=st.sampled_from("ab")),
        max_size=8,
    )

    @quick
    @given(many)
    def test_conformant_means_what_the_design_says(self, checks):
        # An independent reading of DESIGN.md section 6.
        needed = [c for c in checks if c["required"]]
        all_passed = all(c["outcome"] == "passed" for c in needed)
        substance = any(
            {"forgetting", "utility"} <= {c["id"].split(".")[0] for c in needed if c["task"] == task} for task in "ab"
        )
        assert (overall(checks, "exact")["status"] == "conformant") is (all_passed and substance)

    @quick
    @given(many, st.data())
    def test_a_worse_outcome_never_gives_a_better_verdict(self, checks, data):
        order = ["conformant", "conformant_with_waivers", "incomplete", "nonconformant"]
        worsened = copy.deepcopy(checks)
        if worsened:
            chosen = data.draw(st.sampled_from(worsened))
            chosen["outcome"] = data.draw(st.sampled_from(["failed", "error", "stale_waiver"]))
        before, after = (order.index(overall(c, "exact")["status"]) for c in (checks, worsened))
        assert after >= before

    def test_which_words_count_as_conformant(self):
        assert CONFORMANT == ("conformant", "conformant_with_waivers")
