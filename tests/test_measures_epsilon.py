"""The lower bound on epsilon: what it gives by hand, and how often it is wrong."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.optimize import brentq
from scipy.special import ndtr
from scipy.stats import binomtest

from mu_conformance.measures import epsilon as measure
from mu_conformance.measures.epsilon import epsilon_from_auc, epsilon_lower_bound, largest_resolvable_epsilon
from mu_conformance.measures.membership import auc

quick = settings(deadline=None, max_examples=40, database=None)
coarse = hnp.arrays(float, st.integers(1, 9), elements=st.integers(-3, 3).map(float))
levels = st.tuples(st.sampled_from([0.0, 0.01, 0.2]), st.sampled_from([0.05, 0.5, 0.9]))


def upper(errors: int, trials: int, tail: float) -> float:
    """Clopper and Pearson's upper bound by definition: the rate at which so few errors have probability ``tail``."""
    if errors >= trials:
        return 1.0

    def excess(rate: float) -> float:
        so_few = sum(math.comb(trials, e) * rate**e * (1 - rate) ** (trials - e) for e in range(errors + 1))
        return so_few - tail

    return brentq(excess, 0, 1, xtol=1e-14)


def by_definition(positives, negatives, delta, confidence) -> float:
    """All rules one by one, each with its own bounds."""
    n, m = len(positives), len(negatives)
    single = (1 - confidence) / 2 / (2 * n + 2 * m)
    double = (1 - confidence) / 2 / (n * (n + 1) + m * (m + 1))
    best = 0.0

    def rule(false_positive: float, false_negative: float) -> None:
        nonlocal best
        for one, other in ((false_positive, false_negative), (false_negative, false_positive)):
            if 1 - delta - one > 0:
                best = max(best, math.log(1 - delta - one) - math.log(other))

    ends = [-math.inf, *sorted({*positives, *negatives})]
    for cut in ends:
        p, q = sum(x > cut for x in positives), sum(x > cut for x in negatives)
        rule(upper(q, m, single), upper(n - p, n, single))
        rule(upper(m - q, m, single), upper(p, n, single))
    for low, high in itertools.combinations(ends, 2):
        if low > -math.inf:
            p, q = sum(low < x <= high for x in positives), sum(low < x <= high for x in negatives)
            rule(upper(q, m, double), upper(n - p + 1, n, double))
            rule(upper(m - q + 1, m, double), upper(p, n, double))
    return best


class TestByHand:
    def test_perfect_separation(self):
        # No errors: each rate is at most 1 - tail^(1/n), with tail 0.05 / 2 / 80, for 80 bounds: 2 x 20 on each side.
        rate = 1 - (0.05 / 2 / 80) ** (1 / 20)
        expected = math.log(1 - rate) - math.log(rate)
        assert epsilon_lower_bound(np.arange(20) + 20.0, np.arange(20.0)) == pytest.approx(expected)
        assert expected == pytest.approx(0.699, abs=5e-4)

    def test_two_thresholds_find_what_one_cannot(self):
        # The unlearned models lie on both sides of the references: over-forgetting and under-forgetting.
        positives = np.r_[np.full(50, -1.0), np.full(50, 1.0)]
        negatives = np.zeros(100)
        # inside: all 100 negatives, of which one counts as lying outside; 0 positives
        tail = 0.05 / 2 / (2 * 100 * 101)
        within, outside = upper(0, 100, tail), upper(1, 100, tail)
        expected = max(math.log(1 - within) - math.log(outside), math.log(1 - outside) - math.log(within))
        assert epsilon_lower_bound(positives, negatives) == pytest.approx(expected)
        assert expected > 1.5

    def test_the_bounds_are_clopper_and_pearsons(self):
        for errors in range(8):
            theirs = binomtest(errors, 7, alternative="less").proportion_ci(0.95, "exact").high if errors < 7 else 1.0
            assert measure._rate_at_most(np.array(errors), 7, 0.05) == pytest.approx(theirs, abs=1e-10)

    @quick
    @given(coarse, coarse, levels)
    def test_it_is_the_largest_over_the_rules(self, positives, negatives, level):
        found = epsilon_lower_bound(positives, negatives, *level)
        assert found == pytest.approx(by_definition(positives, negatives, *level), abs=1e-9)


class TestProperties:
    @quick
    @given(coarse, coarse, levels)
    def test_bounds(self, positives, negatives, level):
        found = epsilon_lower_bound(positives, negatives, *level)
        assert 0 <= found <= largest_resolvable_epsilon(len(positives), len(negatives), *level) + 1e-12

    @quick
    @given(coarse, coarse, levels)
    def test_only_the_order_of_scores_matters_and_neither_direction_nor_sides(self, positives, negatives, level):
        found = epsilon_lower_bound(positives, negatives, *level)
        for ours, theirs in (
            (np.exp(positives), np.exp(negatives)),
            (-positives, -negatives),
            (negatives, positives),
            (positives[::-1], negatives[::-1]),
        ):
            assert epsilon_lower_bound(ours, theirs, *level) == pytest.approx(found, abs=1e-12)

    @quick
    @given(coarse, coarse)
    def test_it_falls_as_delta_or_the_confidence_rise(self, positives, negatives):
        for levels in ([(0.0, 0.5), (0.1, 0.5), (0.5, 0.5)], [(0.0, 0.05), (0.0, 0.5), (0.0, 0.95)]):
            found = [epsilon_lower_bound(positives, negatives, *level) for level in levels]
            assert found == sorted(found, reverse=True)

    def test_rows_do_not_touch_each_other(self):
        rng = np.random.RandomState(0)
        positives, negatives = (
            rng.standard_normal((30, 5)) * [1, 1, 9, 1, 1] + [0, 3, 0, 5, 9],
            rng.standard_normal((40, 5)),
        )
        found = epsilon_lower_bound(positives, negatives)
        assert found.shape == (5,)
        assert found.tolist() == [epsilon_lower_bound(p, q) for p, q in zip(positives.T, negatives.T, strict=True)]


# Each with its true epsilon at delta: a score under unlearned models and under references, drawn from a random state.
def gaussian(rng, shape):
    return rng.standard_normal(shape) + 1, rng.standard_normal(shape)


def laplace(rng, shape):
    return rng.laplace(size=shape) + 1, rng.laplace(size=shape)


def randomised_response(rng, shape):
    truth = math.e / (1 + math.e)
    return (rng.random_sample(shape) < truth).astype(float), (rng.random_sample(shape) >= truth).astype(float)


def epsilon_of_the_gaussian(delta: float) -> float:
    """At a shift of one standard deviation (Balle & Wang 2018, theorem 5)."""
    return brentq(lambda e: ndtr(0.5 - e) - math.exp(e) * ndtr(-0.5 - e) - delta, 0, 20)


KNOWN = [
    (gaussian, 0.1, epsilon_of_the_gaussian(0.1)),
    (gaussian, 0.01, epsilon_of_the_gaussian(0.01)),
    (laplace, 0.0, 1.0),
    (randomised_response, 0.0, 1.0),
]


class TestGuarantee:
    @quick
    @given(st.integers(2, 40), st.integers(2, 40), st.sampled_from([0.5, 0.8, 0.95]), st.integers(0, 2**31), st.data())
    def test_identical_distributions_exceed_0_no_more_often_than_stated(self, n, m, confidence, seed, data):
        kind = data.draw(st.sampled_from(["normal", "few values", "constant", "heavy tails"]))
        rng = np.random.RandomState(seed)

        def scores(models: int) -> np.ndarray:
            drawn = rng.standard_normal((models, 100))
            return {
                "normal": drawn,
                "few values": drawn.round(),
                "constant": np.zeros_like(drawn),
                "heavy tails": np.exp(9 * drawn),
            }[kind]

        exceeded = (epsilon_lower_bound(scores(n), scores(m), 0.0, confidence) > 0).sum()
        # more than this many of 100 have a probability below 1e-6 if the rate is 1 - confidence
        assert binomtest(int(exceeded), 100, 1 - confidence, alternative="greater").pvalue > 1e-6

    @pytest.mark.parametrize(("draw", "delta", "true"), KNOWN)
    @pytest.mark.parametrize("models", [20, 100])
    @pytest.mark.parametrize("confidence", [0.5, 0.95])
    def test_a_known_epsilon_is_exceeded_no_more_often_than_stated(self, draw, delta, true, models, confidence):
        positives, negatives = draw(np.random.RandomState(1), (models, 200))
        exceeded = (epsilon_lower_bound(positives, negatives, delta, confidence) > true).sum()
        assert binomtest(int(exceeded), 200, 1 - confidence, alternative="greater").pvalue > 1e-6

    def test_without_the_correction_over_rules_it_would_not_hold(self, monkeypatch):
        # The same rates at the stated confidence, each rule for itself: the largest is too large most of the time.
        monkeypatch.setattr(measure, "_tails", lambda n, m, confidence: ((1 - confidence) / 2,) * 2)
        rng = np.random.RandomState(2)
        found = epsilon_lower_bound(rng.standard_normal((60, 200)), rng.standard_normal((60, 200)), 0.0, 0.5)
        assert (found > 0).mean() > 0.6

    @pytest.mark.parametrize(("draw", "delta", "true"), KNOWN)
    def test_with_many_models_it_comes_near(self, draw, delta, true):
        positives, negatives = draw(np.random.RandomState(3), (1000, 3))
        assert (epsilon_lower_bound(positives, negatives, delta) > 0.4 * true).all()


class TestLargestResolvable:
    @pytest.mark.parametrize(("models", "expected"), [(2, 0.0), (10, 0.0), (16, 0.457), (64, 1.863), (256, 3.162)])
    def test_values(self, models, expected):
        # 1 - tail^(1/n) with tail 0.05 / 2 / 4n, then ln((1 - rate) / rate)
        rate = 1 - (0.05 / 2 / (4 * models)) ** (1 / models)
        assert max(math.log((1 - rate) / rate), 0) == pytest.approx(expected, abs=5e-4)
        assert largest_resolvable_epsilon(models, models) == pytest.approx(expected, abs=5e-4)

    @quick
    @given(st.integers(1, 60), st.integers(1, 60), levels)
    def test_it_is_reached(self, n, m, level):
        found = epsilon_lower_bound(np.ones(n), np.zeros(m), *level)
        assert found == pytest.approx(largest_resolvable_epsilon(n, m, *level), abs=1e-12)


class TestFromAuc:
    def test_perfect_separation(self):
        # KL(1 || A) = -ln A = ln(2 / 0.05) / 20, so A = 40^(-1/20) = 0.8316; randomised response has area e / (1 + e)
        area = 40 ** (-1 / 20)
        found = epsilon_from_auc(np.arange(20) + 20.0, np.arange(20.0))
        assert found == pytest.approx(math.log(area / (1 - area)))
        assert found == pytest.approx(1.597, abs=5e-4)
        # given away with probability 0.1: 1 - area = 0.81 / (1 + exp(epsilon))
        found = epsilon_from_auc(np.arange(20) + 20.0, np.arange(20.0), 0.1)
        assert found == pytest.approx(math.log(0.81 / (1 - area) - 1))

    def test_overlap_that_thresholds_cannot_show(self):
        # 32 against 32 models, of 1024 pairs 936 in order: area 0.9141
        negatives = np.arange(32.0)
        positives = negatives + 18.5
        area = auc(positives, negatives)
        assert area == pytest.approx(1 - 13 * 14 / 2 / 1024)
        found = epsilon_from_auc(positives, negatives, 0.0, 0.99)
        least = 1 / (1 + math.exp(-found))
        divergence = area * math.log(area / least) + (1 - area) * math.log((1 - area) / (1 - least))
        assert divergence == pytest.approx(math.log(200) / 32)
        assert 0 == epsilon_lower_bound(positives, negatives, 0.0, 1 - 0.01 / 30) < found

    @pytest.mark.parametrize("delta", [0.0, 0.05, 0.4])
    @pytest.mark.parametrize("epsilon", [0.0, 0.3, 2.0])
    def test_the_area_under_the_largest_curve(self, epsilon, delta):
        # the curve from its definition, summed over a fine grid
        rate = (np.arange(200_000) + 0.5) / 200_000
        curve = np.minimum(delta + math.exp(epsilon) * rate, 1 - math.exp(-epsilon) * (1 - delta - rate)).clip(max=1)
        assert curve.mean() == pytest.approx(1 - (1 - delta) ** 2 / (1 + math.exp(epsilon)), abs=1e-5)

    @quick
    @given(coarse, coarse, levels)
    def test_only_the_order_of_scores_matters_and_neither_direction_nor_sides(self, positives, negatives, level):
        found = epsilon_from_auc(positives, negatives, *level)
        assert found >= 0
        for ours, theirs in (
            (np.exp(positives), np.exp(negatives)),
            (-positives, -negatives),
            (negatives, positives),
            (positives[::-1], negatives[::-1]),
        ):
            assert epsilon_from_auc(ours, theirs, *level) == pytest.approx(found, abs=1e-9)

    @pytest.mark.parametrize(("draw", "delta", "true"), KNOWN)
    @pytest.mark.parametrize("models", [20, 100])
    @pytest.mark.parametrize("confidence", [0.5, 0.95])
    def test_a_known_epsilon_is_exceeded_no_more_often_than_stated(self, draw, delta, true, models, confidence):
        positives, negatives = draw(np.random.RandomState(1), (models, 200))
        exceeded = (epsilon_from_auc(positives, negatives, delta, confidence) > true).sum()
        assert binomtest(int(exceeded), 200, 1 - confidence, alternative="greater").pvalue > 1e-6

    def test_identical_distributions_exceed_0_no_more_often_than_stated(self):
        rng = np.random.RandomState(4)
        for n, m in ((3, 3), (8, 40), (30, 30)):
            found = epsilon_from_auc(rng.standard_normal((n, 400)), rng.standard_normal((m, 400)), 0.0, 0.5)
            assert binomtest(int((found > 0).sum()), 400, 0.5, alternative="greater").pvalue > 1e-6

    def test_with_many_models_it_comes_near(self):
        # the area of randomised response is the largest of its epsilon: nothing is lost but the confidence
        positives, negatives = randomised_response(np.random.RandomState(3), (2000, 3))
        assert epsilon_from_auc(positives, negatives) == pytest.approx(1.0, abs=0.3)
        assert (epsilon_from_auc(positives, negatives) < 1).all()


class TestRefusals:
    @pytest.mark.parametrize(
        ("positives", "negatives"),
        [(np.zeros(3), np.zeros((3, 1))), (np.zeros((3, 2)), np.zeros((3, 1))), (0.0, 0.0), (np.zeros((1, 1, 1)),) * 2],
    )
    def test_shapes(self, positives, negatives):
        with pytest.raises(ValueError, match=r"need scores \[models\] or \[models, rows\], of the same rows"):
            epsilon_lower_bound(positives, negatives)

    def test_no_models_and_no_numbers(self):
        with pytest.raises(ValueError, match=r"negatives must be \[k >= 1, n > 0\]"):
            epsilon_lower_bound(np.zeros(3), np.zeros(0))
        with pytest.raises(ValueError, match="positives holds NaN"):
            epsilon_lower_bound(np.array([np.nan]), np.zeros(1))
        with pytest.raises(ValueError, match="a number of models must be finite and lie in"):
            largest_resolvable_epsilon(0, 3)

    @pytest.mark.parametrize("level", [(-0.1, 0.9), (1.0, 0.9), (np.nan, 0.9), (0.0, 0.0), (0.0, 1.0), (0.0, 95)])
    def test_levels(self, level):
        with pytest.raises(ValueError, match=r"delta|confidence"):
            epsilon_lower_bound(np.zeros(2), np.zeros(2), *level)
