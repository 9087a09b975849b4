"""Intervals, margins and the three answers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from mu_conformance.decision.interval import Interval, conclusive_chance, difference_interval
from mu_conformance.decision.outcome import Outcome, Sides, worst_of
from mu_conformance.decision.rule import Margin, decide

quick = settings(deadline=None, max_examples=80, database=None)
# Rounded, so that a spread is either 0 or large enough to be squared twice.
values = st.floats(-100, 100).map(lambda value: round(value, 4))
samples = st.lists(values, min_size=2, max_size=12).map(np.array)


class TestDifferenceInterval:
    @pytest.mark.filterwarnings("ignore:Precision loss occurred")
    @quick
    @given(samples, samples, st.sampled_from([0.9, 0.95, 0.99]))
    def test_it_is_scipys_welch_interval(self, runs, references, level):
        assume(runs.std() > 1e-6 or references.std() > 1e-6)
        theirs = stats.ttest_ind(runs, references, equal_var=False).confidence_interval(level)
        own = difference_interval(runs, references, level)
        assert (own.low, own.high) == pytest.approx((theirs.low, theirs.high), rel=1e-9, abs=1e-9)
        assert own.level == level

    def test_one_run_by_hand(self):
        # References 0..4: mean 2, variance 5/2. One run borrows it: se = sqrt(5/2 + 5/2/5) = sqrt 3, 4 degrees of
        # freedom, t(0.975; 4) = 2.776445 from the table.
        found = difference_interval(np.array([5.0]), np.arange(5.0), 0.95)
        half = 2.776445 * math.sqrt(3)
        assert (found.low, found.high) == pytest.approx((3 - half, 3 + half), rel=1e-6)

    def test_few_runs_that_spread_less_may_borrow_the_references_spread(self):
        # references 0..4 have variance 2.5 and 4 degrees of freedom, whose 97.5 % quantile is 2.776445
        found = difference_interval(np.array([5.0, 5.0]), np.arange(5.0), 0.95, spread_as_references=True)
        half = 2.776445 * (2.5 * (1 / 2 + 1 / 5)) ** 0.5
        assert (found.low, found.high) == (pytest.approx(3 - half, abs=1e-5), pytest.approx(3 + half, abs=1e-5))

    def test_runs_that_spread_more_borrow_nothing(self):
        runs, references = np.array([0.0, 9.0, 3.0]), np.arange(5.0)
        borrowing = difference_interval(runs, references, 0.95, spread_as_references=True)
        assert borrowing == difference_interval(runs, references, 0.95)

    def test_two_runs_by_hand(self):
        # Equal sizes and variances 2: se = sqrt(2/2 + 2/2), 2 degrees of freedom, t(0.975; 2) = 4.302653.
        found = difference_interval(np.array([0.0, 2.0]), np.array([4.0, 6.0]), 0.95)
        half = 4.302653 * math.sqrt(2)
        assert (found.low, found.high) == pytest.approx((-4 - half, -4 + half), rel=1e-6)

    @pytest.mark.parametrize("runs", [[0.5], [0.5, 0.5, 0.5]])
    def test_constant_samples_give_a_point(self, runs):
        assert difference_interval(np.array(runs), np.full(4, 0.25), 0.95) == Interval(0.25, 0.25, 0.95)

    def test_constant_runs_against_spread_references_are_not_a_point(self):
        found = difference_interval(np.ones(3), np.array([0.0, 1.0, 2.0]), 0.95)
        # Welch: the references' part alone, se = sqrt(1/3), t(0.975; 2) = 4.302653
        assert found.high == pytest.approx(4.302653 / math.sqrt(3), rel=1e-6)

    @pytest.mark.filterwarnings("ignore:invalid value encountered")
    def test_a_spread_below_rounding_gives_a_finite_interval(self):
        found = difference_interval(np.array([0.0, 1e-100]), np.array([0.0, 1e-100, 0.0]), 0.95)
        assert math.isfinite(found.low)

    @quick
    @given(samples, samples, st.integers(-50, 50))
    def test_a_shift_of_the_runs_shifts_the_interval(self, runs, references, shift):
        before, after = (difference_interval(r, references, 0.95) for r in (runs, runs + shift))
        assert (after.low, after.high) == pytest.approx((before.low + shift, before.high + shift), abs=1e-6)

    @quick
    @given(samples, samples)
    def test_swapping_the_sides_mirrors_it(self, runs, references):
        one, other = difference_interval(runs, references, 0.95), difference_interval(references, runs, 0.95)
        assert (one.low, one.high) == pytest.approx((-other.high, -other.low), abs=1e-9)

    @quick
    @given(st.lists(values, min_size=1, max_size=6).map(np.array), samples)
    def test_a_higher_level_is_wider_and_the_difference_lies_inside(self, runs, references):
        narrow, wide = (difference_interval(runs, references, level) for level in (0.8, 0.99))
        assert wide.low <= narrow.low <= narrow.high <= wide.high
        difference = runs.mean() - references.mean()
        assert narrow.low - 1e-9 <= difference <= narrow.high + 1e-9

    @pytest.mark.parametrize("runs", [1, 4])
    def test_it_covers_as_often_as_it_says(self, runs):
        # 2000 draws at 90 %: the binomial deviation is 0.7 %, so four of them are 2.7 %.
        rng = np.random.RandomState(3)
        draws = [difference_interval(rng.standard_normal(runs), rng.standard_normal(16), 0.9) for _ in range(2000)]
        assert abs(np.mean([d.low <= 0 <= d.high for d in draws]) - 0.9) < 0.027

    @pytest.mark.parametrize(
        ("runs", "references"),
        [([], [1, 2]), ([1], [1]), ([1], []), ([[1.0]], [1, 2]), ([1], [[1, 2]])],
    )
    def test_too_few_values_are_refused(self, runs, references):
        with pytest.raises(ValueError, match="need at least 1 run and 2 references, got shapes"):
            difference_interval(np.array(runs, float), np.array(references, float), 0.95)

    @pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
    def test_a_value_that_is_not_finite_is_refused_on_either_side(self, bad):
        with pytest.raises(ValueError, match="a measurement is NaN or infinite"):
            difference_interval(np.array([0.0, bad]), np.zeros(3), 0.95)
        with pytest.raises(ValueError, match="a measurement is NaN or infinite"):
            difference_interval(np.zeros(2), np.array([0.0, bad, 1.0]), 0.95)

    @pytest.mark.parametrize("level", [0.0, 1.0, 95, -0.5, math.nan])
    def test_a_level_outside_its_range_is_refused(self, level):
        with pytest.raises(ValueError, match=r"the level must lie in \(0, 1\)"):
            difference_interval(np.zeros(2), np.arange(3.0), level)


# Where an interval may lie against the margin 1, and what each kind of check then answers.
P, F, U = Outcome.PASSED, Outcome.FAILED, Outcome.INCONCLUSIVE
TABLE = [
    # low, high, both, below, above
    (-0.5, 0.5, P, P, P),
    (-1.0, 1.0, P, P, P),
    (-3.0, -2.0, F, F, P),
    (2.0, 3.0, F, P, F),
    (-2.0, 0.0, U, U, P),
    (0.0, 2.0, U, P, U),
    (-2.0, 2.0, U, U, U),
    (-2.0, -1.0, U, U, P),
    (1.0, 2.0, U, P, U),
    (0.3, 0.3, P, P, P),
    (1.5, 1.5, F, P, F),
    (-1.5, -1.5, F, F, P),
]


class TestDecide:
    @pytest.mark.parametrize(("low", "high", "both", "below", "above"), TABLE)
    def test_truth_table(self, low, high, both, below, above):
        interval = Interval(low, high, 0.95)
        assert decide(interval, 1.0) is both
        assert decide(interval, 1.0, Sides.BOTH) is both
        assert decide(interval, 1.0, Sides.BELOW) is below
        assert decide(interval, 1.0, Sides.ABOVE) is above

    @pytest.mark.parametrize(
        ("low", "high", "margin"),
        [
            (math.nan, 1, 1), (0, math.nan, 1), (-math.inf, 0, 1), (0, math.inf, 1),
            (0, 0, 0), (0, 0, -1), (0, 0, math.nan),
        ],
    )  # fmt: skip
    def test_nothing_is_decided_on_what_is_not_a_number(self, low, high, margin):
        for sides in Sides:
            with pytest.raises(ValueError, match="cannot decide on interval"):
                decide(Interval(low, high, 0.95), margin, sides)

    def test_an_infinite_margin_decides_nothing(self):
        with pytest.raises(ValueError, match="cannot decide"):
            decide(Interval(-1e9, 1e9, 0.95), math.inf)

    @quick
    @given(values, st.floats(0, 50), st.floats(0.01, 50), st.floats(1, 4), st.sampled_from(Sides))
    def test_a_wider_margin_never_turns_a_pass_into_anything_else(self, low, width, margin, factor, sides):
        interval = Interval(low, low + width, 0.95)
        if decide(interval, margin, sides) is Outcome.PASSED:
            assert decide(interval, factor * margin, sides) is Outcome.PASSED
        if decide(interval, factor * margin, sides) is Outcome.FAILED:
            assert decide(interval, margin, sides) is Outcome.FAILED

    @quick
    @given(values, st.floats(0, 50), st.floats(0.01, 50))
    def test_both_sides_are_as_strict_as_the_stricter_side(self, low, width, margin):
        interval = Interval(low, low + width, 0.95)
        severity = [Outcome.PASSED, Outcome.INCONCLUSIVE, Outcome.FAILED]
        single = [decide(interval, margin, side) for side in (Sides.BELOW, Sides.ABOVE)]
        assert decide(interval, margin) is max(single, key=severity.index)

    @quick
    @given(values, st.floats(0, 50), st.floats(0.01, 50))
    def test_mirrored_intervals_get_mirrored_answers(self, low, width, margin):
        interval, mirrored = Interval(low, low + width, 0.95), Interval(-low - width, -low, 0.95)
        assert decide(interval, margin) is decide(mirrored, margin)
        assert decide(interval, margin, Sides.BELOW) is decide(mirrored, margin, Sides.ABOVE)


class TestMargin:
    @pytest.mark.parametrize(
        ("floor", "fraction", "gap", "expected"),
        [
            (0.1, 0.0, 9.0, 0.1),
            (0.1, 0.5, 0.6, 0.3),
            (0.1, 0.5, -0.6, 0.3),
            (0.1, 0.5, 0.1, 0.1),
            (0.1, 1 / 3, 0.0, 0.1),
        ],
    )
    def test_by_hand(self, floor, fraction, gap, expected):
        assert Margin(floor, fraction).value(gap) == pytest.approx(expected)

    def test_a_gap_that_is_not_a_number_is_not_a_margin(self):
        with pytest.raises(ValueError, match="gap"):
            Margin(0.1, 0.5).value(math.nan)


class TestConclusiveChance:
    def test_by_hand(self):
        """Two runs, 0 and 2, of four; references without spread; t with one degree of freedom is Cauchy's law.

        The interval at four runs is 3.18245 * sqrt(2 / 4) = 2.25033 wide on either side, and their mean is
        1 + sqrt(2 * 2 / (2 * 4)) * t. It passes between -1.74967 and 1.74967 and fails beyond 6.25033.
        """

        def cauchy(edge: float) -> float:
            return 0.5 + math.atan((edge - 1) / math.sqrt(0.5)) / math.pi

        passing = cauchy(1.74967) - cauchy(-1.74967)
        below, above = cauchy(-6.25033), 1 - cauchy(6.25033)
        runs, references = np.array([0.0, 2.0]), np.zeros(2)
        chance = [conclusive_chance(runs, references, 0.95, 4.0, sides, 4) for sides in Sides]
        expected = {
            Sides.BOTH: passing + below + above,
            Sides.BELOW: 1 - cauchy(-1.74967) + below,
            Sides.ABOVE: cauchy(1.74967) + above,
        }
        assert chance == pytest.approx([expected[sides] for sides in Sides], abs=1e-5)
        assert expected[Sides.BOTH] == pytest.approx(0.75274, abs=1e-5)

    @pytest.mark.parametrize(("shift", "chance"), [(0.0, 1.0), (1.0, 0.0), (2.0, 1.0)])
    def test_runs_without_spread_are_certain_to_stay(self, shift, chance):
        # At 16 runs the interval is as wide as the references' spread makes it: about 0.25 on either side.
        references = np.array([-0.5, 0.5] * 8)
        assert conclusive_chance(np.full(4, shift), references, 0.95, 1.0, Sides.BOTH, 16) == chance

    @quick
    @given(samples, samples, st.floats(0.01, 100))
    def test_it_is_a_probability_and_the_same_mirrored(self, runs, references, margin):
        for sides, mirrored in [(Sides.BOTH, Sides.BOTH), (Sides.ABOVE, Sides.BELOW)]:
            chance = conclusive_chance(runs, references, 0.95, margin, sides, 20)
            assert 0 <= chance <= 1
            other = conclusive_chance(-runs, -references, 0.95, margin, mirrored, 20)
            assert other == pytest.approx(chance, abs=1e-6)

    def test_it_comes_true_as_often_as_it_says(self):
        # 3000 true differences over a range that margin and intervals lie well inside.
        rng = np.random.RandomState(5)
        said, came = [], []
        for shift in rng.uniform(-6, 6, 3000):
            references, runs = rng.standard_normal(32), shift + rng.standard_normal(16)
            said.append(conclusive_chance(runs[:8], references, 0.98, 2.0, Sides.BOTH, 16))
            came.append(decide(difference_interval(runs, references, 0.98), 2.0) is not U)
        assert np.mean(came) == pytest.approx(np.mean(said), abs=0.03)
        unlikely = np.array(said) < 0.05
        assert unlikely.sum() > 30
        assert np.mean(np.array(came)[unlikely]) < 0.1

    @pytest.mark.parametrize(("runs", "last"), [(1, 4), (4, 4), (4, 2)])
    def test_what_cannot_be_predicted_is_refused(self, runs, last):
        with pytest.raises(ValueError, match=f"nothing can be predicted of {last} runs from {runs}"):
            conclusive_chance(np.arange(float(runs)), np.arange(3.0), 0.95, 1.0, Sides.BOTH, last)


@pytest.mark.parametrize(
    ("parts", "whole"),
    [([P], P), ([P, U, P], U), ([U, F, P], F), ([F, Outcome.ERROR, U], Outcome.ERROR), ([P, P], P)],
)
def test_a_check_in_parts_is_as_bad_as_its_worst_part(parts, whole):
    assert worst_of(parts) is whole
    assert worst_of(reversed(parts)) is whole


def test_outcomes_are_the_published_words():
    published = {"passed", "failed", "inconclusive", "error", "waived", "stale_waiver", "not_claimed", "not_run"}
    assert {str(outcome) for outcome in Outcome} == published
