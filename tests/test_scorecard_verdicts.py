"""The verdict over all checks: its truth table."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mu_conformance.decision.finding import Measurement, Population
from mu_conformance.decision.interval import Interval
from mu_conformance.decision.outcome import Fault, Level, Outcome, Sides
from mu_conformance.protocol.claims import Claims
from mu_conformance.scorecard.document import Check
from mu_conformance.scorecard.verdict import CONFORMANT, distances, overall, supported

OF_CHECKS = [outcome for outcome in Outcome if outcome is not Outcome.STALE_WAIVER]
quick = settings(deadline=None, max_examples=80, database=None)


def entry(id: str, outcome: str, *, needed: bool = True, task: str = "a", level="must", fault=None) -> Check:
    scenario = f"{task}/random-10%"
    return Check(
        id, task, "text", scenario, "random", 0.1, (), Outcome(outcome), needed, Level(level), fault, message="why"
    )


class TestOverall:
    good = [entry("forgetting.score", "passed"), entry("utility.test-score", "passed")]

    def status(self, *more: Check) -> str:
        return overall([*self.good, *more], Claims()).status

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
        ],
    )
    def test_one_required_check_decides(self, outcome, status):
        assert self.status(entry("privacy.membership-loss", outcome)) == status

    @pytest.mark.parametrize("outcome", [outcome for outcome in Outcome if outcome is not Outcome.STALE_WAIVER])
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
        assert overall(checks, Claims()).status == "incomplete"

    def test_the_numbers_by_hand(self):
        checks = [
            *self.good,
            entry("contract.finite", "waived", task="b"),
            entry("contract.no-network", "failed"),
            entry("cost.wall-clock", "not_claimed", needed=False, task="c"),
        ]
        assert overall(checks, Claims(guarantee="suppression")).to_json() == {
            "status": "nonconformant",
            "guarantee": "suppression",
            "scope": ["a", "b"],
            "required": 4,
            "passed": 2,
            "not_passed": ["contract.finite", "contract.no-network"],
            "supports": None,
            "distance": {},
            "recommendations": [],
        }

    ids = st.sampled_from(["forgetting.score", "utility.test-score", "contract.finite", "privacy.membership-lira"])
    many = st.lists(
        st.builds(entry, ids, st.sampled_from(OF_CHECKS).map(str), needed=st.booleans(), task=st.sampled_from("ab")),
        max_size=8,
    )

    @quick
    @given(many)
    def test_conformant_means_what_the_design_says(self, checks):
        # An independent reading of DESIGN.md section 6.
        needed = [c for c in checks if c.required]
        all_passed = all(c.outcome == "passed" for c in needed)
        substance = any({"forgetting", "utility"} <= {c.family for c in needed if c.task == task} for task in "ab")
        assert (overall(checks, Claims()).status == "conformant") is (all_passed and substance)

    @quick
    @given(many, st.data())
    def test_a_worse_outcome_never_gives_a_better_verdict(self, checks, data):
        order = ["conformant", "conformant_with_waivers", "incomplete", "nonconformant"]
        worsened = list(checks)
        if worsened:
            at = data.draw(st.integers(0, len(worsened) - 1))
            worse = data.draw(st.sampled_from([Outcome.FAILED, Outcome.ERROR, Outcome.STALE_WAIVER]))
            worsened[at] = dataclasses.replace(worsened[at], outcome=worse)
        before, after = (order.index(overall(c, Claims()).status) for c in (checks, worsened))
        assert after >= before

    @pytest.mark.parametrize(
        ("fault", "status"), [(Fault.METHOD, "nonconformant"), (None, "nonconformant"), (Fault.SUITE, "incomplete")]
    )
    def test_whose_fault_an_error_is(self, fault, status):
        assert self.status(entry("privacy.membership-loss", "error", fault=fault)) == status

    def test_a_failure_at_level_should_is_a_recommendation_unless_the_run_is_strict(self):
        checks = [*self.good, entry("contract.global-state-unchanged", "failed", level=Level.SHOULD)]
        verdict = overall(checks, Claims())
        assert (verdict.status, verdict.passed, verdict.required, verdict.not_passed) == ("conformant", 3, 3, ())
        assert verdict.recommendations == (
            {"id": "contract.global-state-unchanged", "scenario": "a/random-10%", "message": "why"},
        )
        strict = overall(checks, Claims(), strict=True)
        assert (strict.status, strict.recommendations) == ("nonconformant", ())

    def test_a_crash_where_only_a_recommendation_is_at_stake(self):
        crash = entry("contract.empty-request", "error", level=Level.SHOULD, fault=Fault.METHOD, needed=False)
        assert overall([*self.good, crash], Claims()).recommendations[0]["id"] == "contract.empty-request"
        assert self.status(dataclasses.replace(crash, fault=Fault.SUITE)) == "conformant"

    def test_a_stale_waiver_counts_wherever_it_stands(self):
        assert self.status(entry("contract.empty-request", "stale_waiver", needed=False)) == "nonconformant"

    def test_a_run_that_is_not_whole_is_never_conformant(self):
        verdict = overall(self.good, Claims(), complete=False)
        assert (verdict.status, verdict.supports) == ("incomplete", None)

    def test_which_words_count_as_conformant(self):
        assert CONFORMANT == ("conformant", "conformant_with_waivers")


class TestSupports:
    """The strongest guarantee that is not stronger than the claim."""

    suppression = [entry("forgetting.score", "passed"), entry("utility.test-score", "passed")]

    def supported(self, *more: Check, guarantee: str = "retrain_equivalent", **claims) -> str | None:
        return supported([*self.suppression, *more], Claims(guarantee=guarantee, **claims))

    def test_all_that_is_asked_for_passed(self):
        assert self.supported(entry("privacy.membership-lira", "passed")) == "retrain_equivalent"

    @pytest.mark.parametrize("outcome", ["failed", "inconclusive", "not_run", "error", "waived", "not_claimed"])
    def test_what_a_weaker_guarantee_does_not_ask_for_leaves_that_one(self, outcome):
        assert self.supported(entry("privacy.membership-lira", outcome)) == "suppression"

    def test_no_guarantee_stands_on_a_failure_that_all_ask_for(self):
        assert self.supported(entry("forgetting.loss", "failed")) is None

    def test_never_more_than_is_claimed(self):
        more = entry("privacy.membership-lira", "passed"), entry("privacy.worst-example", "passed")
        assert self.supported(*more, guarantee="suppression") == "suppression"
        assert self.supported(*more) == "retrain_equivalent"

    @pytest.mark.parametrize(("outcome", "found"), [("passed", "exact"), ("not_run", "suppression")])
    def test_exact_needs_the_audit(self, outcome, found):
        audited = entry("privacy.worst-example", outcome)
        assert self.supported(audited, guarantee="exact") == found
        assert self.supported(guarantee="exact") == "retrain_equivalent"

    def test_without_substance_there_is_none(self):
        assert supported([entry("forgetting.score", "passed")], Claims()) is None


class TestDistances:
    """Departures by hand: differences over margins, on the sides that count."""

    def measured(self, value: float, sides: str, margin: float = 0.5) -> Measurement:
        interval, references = Interval(value - 0.1, value + 0.1, 0.95), Population(0.0, 0.1, 16)
        return Measurement("x", value, interval, margin, 1.0, references, 4, Sides(sides))

    def test_median_and_worst(self):
        values = (0.1, "both"), (-0.4, "both"), (-9.0, "above"), (0.25, "above")
        checks = [
            dataclasses.replace(entry("forgetting.loss", "passed", task=name), measurements=(self.measured(*one),))
            for name, one in zip("abcd", values, strict=True)
        ]
        # 0.2, 0.8, 0 and 0.5 margins
        found = distances(checks)["forgetting"]
        assert (found.median, found.worst, found.scenario) == (pytest.approx(0.35), pytest.approx(0.8), "b/random-10%")

    def test_what_is_not_required_and_what_is_not_decided_has_none(self):
        other = dataclasses.replace(
            entry("privacy.streisand", "failed", needed=False), measurements=(self.measured(3.0, "both"),)
        )
        assert distances([other, entry("utility.test-score", "passed")]) == {}
