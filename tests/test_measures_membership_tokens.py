"""Membership scores of texts."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.special import log_softmax

from mu_conformance.measures.membership_tokens import min_k, min_k_plus_plus

quick = settings(deadline=None, max_examples=60, database=None)
texts = hnp.arrays(float, st.tuples(st.integers(1, 4), st.integers(1, 12)), elements=st.floats(-30, 0))
fractions = st.floats(0.01, 1)


class TestMinK:
    def test_by_hand(self):
        # 40 % of five tokens are two: (-5 - 4) / 2
        assert min_k(np.array([-1.0, -5.0, -3.0, -4.0, -2.0]), 0.4) == -4.5
        # 20 % and less are one at least; 100 % is minus the mean loss
        assert min_k(np.array([-1.0, -5.0, -3.0, -4.0, -2.0]), 0.01) == -5.0
        assert min_k(np.array([-1.0, -5.0, -3.0, -4.0, -2.0]), 1.0) == -3.0

    def test_texts_of_different_lengths(self):
        logprobs = np.array([[-1.0, -2.0, -9.0, -9.0], [-4.0, -3.0, -2.0, -1.0]])
        counted = np.array([[True, True, False, False], [True, True, True, True]])
        # the first has two tokens, of which half is one
        assert min_k(logprobs, 0.5, counted).tolist() == [-2.0, -3.5]

    def test_what_does_not_count_may_be_anything(self):
        assert min_k(np.array([-1.0, np.nan, np.inf]), 1.0, np.array([True, False, False])) == -1.0

    def test_golden_the_count_is_not_lost_to_rounding(self):
        # 0.29 * 100 is 28.999999999999996 in floating point
        logprobs = -np.arange(100.0)
        assert min_k(logprobs, 0.29) == -np.arange(71, 100).mean()

    @quick
    @given(texts, fractions, fractions)
    def test_bounds_and_order(self, logprobs, one, other):
        low, high = sorted((one, other))
        assert (min_k(logprobs, low) <= min_k(logprobs, high) + 1e-9).all()
        assert (min_k(logprobs, low) >= logprobs.min(axis=1) - 1e-9).all()
        np.testing.assert_allclose(min_k(logprobs, 1.0), logprobs.mean(axis=1), atol=1e-9)
        assert min_k(logprobs[:, ::-1], low).tolist() == min_k(logprobs, low).tolist()

    @quick
    @given(texts, fractions, st.integers(1, 5))
    def test_padding_and_other_texts_change_nothing(self, logprobs, fraction, padding):
        padded = np.pad(logprobs, ((0, 0), (0, padding)), constant_values=-99)
        counted = np.arange(padded.shape[1]) < np.full((len(logprobs), 1), logprobs.shape[1])
        np.testing.assert_allclose(min_k(padded, fraction, counted), min_k(logprobs, fraction), atol=1e-9)
        np.testing.assert_allclose([min_k(text, fraction) for text in logprobs], min_k(logprobs, fraction), atol=1e-9)

    @pytest.mark.parametrize(
        ("logprobs", "fraction", "counted", "message"),
        [
            (np.float64(-1), 0.5, None, r"logprobs must be \[n, tokens\] or \[tokens\]"),
            (np.zeros(0), 0.5, None, "no token that counts"),
            (np.zeros((2, 2)), 0.5, np.array([[True, True], [False, False]]), "no token that counts"),
            (np.zeros(2), 0.5, np.ones(3, bool), r"counted must be bool \(2,\)"),
            (np.zeros(2), 0.5, np.ones(2), r"counted must be bool \(2,\)"),
            (np.array([-1, np.nan]), 0.5, None, "NaN, infinite or above 0"),
            (np.array([-1, -np.inf]), 0.5, None, "NaN, infinite or above 0"),
            (np.array([-1, 0.1]), 0.5, None, "NaN, infinite or above 0"),
            (np.zeros(2), 0.0, None, r"fraction must be finite and lie in \(0, 1\]"),
            (np.zeros(2), 20, None, r"fraction must be finite and lie in \(0, 1\]"),
        ],
    )
    def test_refusals(self, logprobs, fraction, counted, message):
        with pytest.raises(ValueError, match=message):
            min_k(logprobs, fraction, counted)


class TestMinKPlusPlus:
    logits = np.log([[0.5, 0.25, 0.25], [0.8, 0.1, 0.1]])

    def test_by_hand(self):
        # First position, in units of ln 2: log-probabilities -1, -2, -2; mean -1.5 and sd 0.5 under the model. The
        # token of probability 1/4 is one sd below, the one of 1/2 one above.
        assert min_k_plus_plus(self.logits[:1], np.array([1]), 1.0) == pytest.approx(-1)
        assert min_k_plus_plus(self.logits[:1], np.array([0]), 1.0) == pytest.approx(1)
        # Second: two values ln 0.8, ln 0.1 with weights 0.8, 0.2: the likely one lies sqrt(0.2 / 0.8) sd above.
        assert min_k_plus_plus(self.logits[1:], np.array([0]), 1.0) == pytest.approx(0.5)
        # The mean of both, and the lowest half
        assert min_k_plus_plus(self.logits, np.array([1, 0]), 1.0) == pytest.approx(-0.25)
        assert min_k_plus_plus(self.logits, np.array([1, 0]), 0.5) == pytest.approx(-1)

    def test_golden_it_standardises_before_it_picks_the_lowest(self):
        # The second token is the less likely (0.252 against 0.30) but the best of its position; the first lies below
        # the mean of its own.
        logits = np.log([[0.36, 0.34, 0.30, 1e-9], [0.25, 0.249, 0.249, 0.252]])
        raw = np.array([math.log(0.30), math.log(0.252)])
        standardised = [min_k_plus_plus(logits[i : i + 1], np.array([token]), 1.0) for i, token in enumerate((2, 3))]
        assert raw.argmin() == 1
        assert np.argmin(standardised) == 0
        assert min_k_plus_plus(logits, np.array([2, 3]), 0.5) == pytest.approx(standardised[0])

    def test_golden_mean_and_sd_are_weighted_by_the_model(self):
        # Unweighted over the words, the mean would be -5/3 ln 2 and the value of token 1 -0.707.
        unweighted = (self.logits[0, 1] - self.logits[0].mean()) / self.logits[0].std()
        assert unweighted == pytest.approx(-math.sqrt(0.5))
        assert min_k_plus_plus(self.logits[:1], np.array([1]), 1.0) == pytest.approx(-1)

    @quick
    @given(st.integers(0, 2**31), fractions, st.floats(-50, 50))
    def test_invariances(self, seed, fraction, shift):
        rng = np.random.RandomState(seed)
        logits, tokens = rng.standard_normal((3, 5, 7)) * 3, rng.randint(0, 7, (3, 5))
        found = min_k_plus_plus(logits, tokens, fraction)
        assert found.shape == (3,)
        order = rng.permutation(7)
        for same, names in (
            (logits + shift, tokens),
            (log_softmax(logits, axis=-1), tokens),
            (logits[..., order], np.argsort(order)[tokens]),
            (logits[:, ::-1], tokens[:, ::-1]),
        ):
            np.testing.assert_allclose(min_k_plus_plus(same, names, fraction), found, atol=1e-8)
        assert min_k_plus_plus(logits[1], tokens[1], fraction) == pytest.approx(found[1])

    def test_drawn_from_the_model_the_scores_have_mean_0_and_sd_1(self):
        rng = np.random.RandomState(0)
        logits = np.tile(rng.standard_normal(9) * 2, (4000, 1, 1))
        tokens = rng.choice(9, p=np.exp(log_softmax(logits[0, 0])), size=(4000, 1))
        found = min_k_plus_plus(logits, tokens, 1.0)
        assert found.mean() == pytest.approx(0, abs=0.05)
        assert found.std() == pytest.approx(1, abs=0.05)

    def test_near_certainty_is_not_constant(self):
        found = min_k_plus_plus(np.array([[100.0, 0.0, 0.0]]), np.array([0]), 1.0)
        assert np.isfinite(found)
        assert found == pytest.approx(0, abs=1e-6)

    def test_positions_that_do_not_count_may_be_constant(self):
        logits = np.stack([self.logits[0], np.zeros(3)])
        assert min_k_plus_plus(logits, np.array([1, 0]), 1.0, np.array([True, False])) == pytest.approx(-1)

    @pytest.mark.parametrize(
        ("logits", "tokens", "message"),
        [
            (np.zeros(3), np.zeros((), int), "need logits"),
            (np.zeros((2, 3)), np.zeros(3, int), "need logits"),
            (np.zeros((2, 1)), np.zeros(2, int), "need logits"),
            (np.zeros((2, 3)), np.array([0, 3]), r"a label lies outside 0\.\.2"),
            (np.zeros((2, 3)), np.array([0, 1]), r"do not vary at a position \(sd = 0\): need some that do"),
            (np.array([[2000.0, 0.0]]), np.array([0]), r"do not vary at a position \(sd = 0\)"),
            (np.array([[np.nan, 0.0]]), np.array([0]), "logits holds NaN"),
            (np.zeros((0, 3)), np.zeros(0, int), "no token that counts"),
        ],
    )
    def test_refusals(self, logits, tokens, message):
        with pytest.raises(ValueError, match=message):
            min_k_plus_plus(logits, tokens, 0.5)
