"""Measures of memorization, against values worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mu_conformance.measures.memorization import (
    exact_memorization,
    extraction_strength,
    forget_quality,
    privleak,
    truth_ratio,
)
from mu_conformance.scenarios import memorization as estimation
from mu_conformance.tasks.tokens import IGNORED, token_outputs

quick = settings(deadline=None, max_examples=60, database=None)
T, F = True, False


class TestTokens:
    correct = np.array([[T, F, T, T, F], [F, F, F, T, T], [T, T, T, F, F]])
    counted = np.array([[T, T, T, T, F], [F, T, T, T, F], [T, T, T, F, F]])

    def test_exact_memorization_by_hand(self):
        # rows: 3 of 4 counted are right; 1 of 3; 3 of 3 (what does not count does not count)
        assert exact_memorization(self.correct, self.counted).tolist() == [3 / 4, 1 / 3, 1.0]

    def test_extraction_strength_by_hand(self):
        # the last mistake is the 2nd of 4 tokens: from a prefix of 2 on all is right, 1 - 2/4; the 2nd of 3; none
        assert extraction_strength(self.correct, self.counted).tolist() == pytest.approx([1 / 2, 1 / 3, 1.0])

    def test_a_text_whose_last_token_is_wrong_cannot_be_extracted(self):
        assert extraction_strength(np.array([[T, T, F]]), np.ones((1, 3), bool)).tolist() == [0.0]

    @quick
    @given(arrays(bool, (3, 6)))
    def test_extraction_never_exceeds_memorization(self, correct):
        counted = np.ones_like(correct)
        memorized, extracted = exact_memorization(correct, counted), extraction_strength(correct, counted)
        assert ((extracted >= 0) & (extracted <= memorized + 1e-12) & (memorized <= 1)).all()

    @pytest.mark.parametrize("measure", [exact_memorization, extraction_strength])
    @pytest.mark.parametrize(
        ("correct", "counted", "says"),
        [
            (np.zeros((2, 3), bool), np.zeros((2, 4), bool), "two arrays"),
            (np.zeros((0, 3), bool), np.zeros((0, 3), bool), "not empty"),
            (np.zeros((2, 3)), np.ones((2, 3), bool), "bool"),
            (np.zeros((1, 3), bool), np.zeros((1, 3), bool), "no token that counts"),
        ],
    )
    def test_bad_input(self, measure, correct, counted, says):
        with pytest.raises(ValueError, match=says):
            measure(correct, counted)


class TestTruthRatio:
    def test_by_hand(self):
        # wrong answers at 0.1 and 0.3 of probability, the right one at 0.4: (0.1 + 0.3) / 2 / 0.4
        found = truth_ratio(np.log([0.4]), np.log([[0.1, 0.3]]))
        assert found.tolist() == pytest.approx([0.5])

    def test_one_where_nothing_is_known(self):
        assert truth_ratio(np.full(2, -1.5), np.full((2, 4), -1.5)).tolist() == [1.0, 1.0]

    @pytest.mark.parametrize(
        ("true", "wrong"),
        [(np.zeros(2), np.zeros((3, 1))), (np.zeros(2), np.zeros((2, 0))), (np.zeros((2, 1)), np.zeros(2))],
    )
    def test_bad_shapes(self, true, wrong):
        with pytest.raises(ValueError, match="need arrays"):
            truth_ratio(true, wrong)

    def test_not_finite(self):
        with pytest.raises(ValueError, match="NaN or infinite"):
            truth_ratio(np.array([-np.inf]), np.zeros((1, 2)))


class TestForgetQuality:
    @pytest.mark.parametrize(("n", "expected"), [(40, 0.14), (200, 5e-6), (400, 2e-11)])
    def test_golden_it_depends_on_the_number_of_rows(self, n, expected):
        # The largest distance of the two distribution functions is 1/4 each time: a quarter of the run's ratios lies
        # below all of the references'.
        run = np.arange(n) + 0.5
        references = np.arange(n) + n // 4
        assert forget_quality(run, references) == pytest.approx(expected, rel=0.2)

    def test_by_hand(self):
        # Equal samples have distance 0, which is never surprising; disjoint ones of one row have distance 1, as always.
        assert forget_quality(np.arange(5), np.arange(5)) == 1.0
        assert forget_quality(np.zeros(50), np.ones(50)) < 1e-20

    @quick
    @given(arrays(float, 6, elements=st.floats(0.1, 9)), arrays(float, 9, elements=st.floats(0.1, 9)))
    def test_symmetry_and_order(self, run, references):
        found = forget_quality(run, references)
        assert 0 <= found <= 1
        assert forget_quality(references, run) == pytest.approx(found)
        assert forget_quality(run[::-1], references) == pytest.approx(found)
        # only the order of the ratios counts, so 1 / ratio would do as well
        assert forget_quality(-run, -references) == pytest.approx(found)

    @pytest.mark.parametrize("bad", [np.zeros(0), np.zeros((2, 2)), np.array([np.nan])])
    def test_refusals(self, bad):
        with pytest.raises(ValueError, match=r"^truth_ratios"):
            forget_quality(bad, np.ones(2))
        with pytest.raises(ValueError, match=r"^reference_truth_ratios"):
            forget_quality(np.ones(2), bad)


class TestPrivLeak:
    def test_by_hand(self):
        # (0.6 - 0.5) / 0.5 and (0.3 - 0.4) / 0.4
        assert privleak(0.6, 0.5) == pytest.approx(20)
        assert privleak(0.3, 0.4) == pytest.approx(-25)

    def test_golden_the_reference_is_no_constant(self):
        # 0.5 would call a model that is as its references a leak of 20 %.
        assert privleak(0.6, 0.6) == 0.0

    @quick
    @given(st.floats(0, 1), st.floats(0.01, 1))
    def test_bounds(self, auc, reference):
        assert privleak(auc, reference) >= -100
        assert privleak(reference, reference) == 0
        assert (privleak(auc, reference) > 0) == (auc > reference)

    @pytest.mark.parametrize("pair", [(0.5, 0.0), (-0.1, 0.5), (0.5, 1.1), (np.nan, 0.5), (0.5, np.nan)])
    def test_refusals(self, pair):
        with pytest.raises(ValueError, match="auc must be finite and lie in"):
            privleak(*pair)


class TestTokenOutputs:
    def test_by_hand(self):
        # two tokens of a vocabulary of three; the third position is padding
        logits = torch.tensor([[[math.log(2), 0.0, 0.0], [0.0, math.log(6), 0.0], [9.0, 0.0, 0.0]]])
        labels = torch.tensor([[0, 0, IGNORED]])
        found = {name: value.item() for name, value in token_outputs(logits, labels).items()}
        # probabilities of the labels: 2/4 and 1/8
        assert found["loss"] == pytest.approx((math.log(2) + math.log(8)) / 2)
        # odds: 2/2 and 1/7
        assert found["confidence"] == pytest.approx(-math.log(7) / 2, rel=1e-5)
        assert found["exact_memorization"] == 0.5
        assert found["extraction_strength"] == 0.0


class TestMemorizedRows:
    def test_halves_part_the_rows(self):
        members = estimation.halves(11, 3)
        assert members.shape == (estimation.MODELS, 11)
        assert (members.sum(axis=0) == estimation.MODELS // 2).all()
        assert set(members.sum(axis=1).tolist()) == {5, 6}
        assert (estimation.halves(11, 3) == members).all()
        assert (estimation.halves(11, 4) != members).any()

    def test_estimates_by_hand(self):
        members = np.array([[T, T], [F, F], [T, F], [F, T]])
        probabilities = np.array([[0.9, 0.8], [0.1, 0.8], [0.7, 0.6], [0.3, 1.0]])
        # row 0: (0.9 + 0.7) / 2 - (0.1 + 0.3) / 2; row 1: (0.8 + 1.0) / 2 - (0.8 + 0.6) / 2
        assert estimation.estimates(probabilities, members).tolist() == pytest.approx([0.6, 0.2])

    def test_bad_input(self):
        with pytest.raises(ValueError, match="two arrays"):
            estimation.estimates(np.zeros(3), np.zeros(3, bool))
        with pytest.raises(ValueError, match="some of the models and not in others"):
            estimation.estimates(np.zeros((2, 1)), np.ones((2, 1), bool))
