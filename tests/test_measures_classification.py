"""Per-row quantities of logits."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mu_conformance.measures import classification as measure

quick = settings(deadline=None, max_examples=60, database=None)
LOGITS = np.array([[2.0, 1.0, 0.0], [0.0, 3.0, 1.0], [1.0, 1.0, 1.0]])
LABELS = np.array([0, 1, 2])
ALL = [measure.cross_entropy, measure.correct, measure.accuracy, measure.logit_scaled_confidence]


@st.composite
def classified(draw, magnitude: float = 30.0):
    rows, classes = draw(st.integers(1, 12)), draw(st.integers(2, 6))
    logits = draw(hnp.arrays(float, (rows, classes), elements=st.floats(-magnitude, magnitude, width=32)))
    labels = draw(hnp.arrays(np.int64, rows, elements=st.integers(0, classes - 1)))
    return logits, labels


class TestCrossEntropy:
    def test_by_hand(self):
        e = math.e
        # -log softmax: log(1 + e^-1 + e^-2), log(1 + e^-3 + e^-2), log 3
        expected = [math.log(1 + 1 / e + 1 / e**2), math.log(1 + 1 / e**3 + 1 / e**2), math.log(3)]
        assert measure.cross_entropy(LOGITS, LABELS) == pytest.approx(expected, rel=1e-12)

    @quick
    @given(classified())
    def test_it_is_torchs(self, drawn):
        logits, labels = drawn
        theirs = torch.nn.functional.cross_entropy(torch.tensor(logits), torch.tensor(labels), reduction="none")
        np.testing.assert_allclose(measure.cross_entropy(logits, labels), theirs.numpy(), atol=1e-12)

    def test_it_is_finite_where_softmax_underflows(self):
        assert measure.cross_entropy(np.array([[1000.0, 0.0]]), np.array([1])) == pytest.approx([1000.0])


class TestLogitScaledConfidence:
    def test_by_hand(self):
        # 2 - log(e^1 + e^0), 3 - log(e^0 + e^1), 1 - log(2e)
        expected = [2 - math.log(math.e + 1), 3 - math.log(1 + math.e), -math.log(2)]
        assert measure.logit_scaled_confidence(LOGITS, LABELS) == pytest.approx(expected, rel=1e-12)

    def test_golden_permuting_the_labels_changes_it(self):
        # A known implementation writes whole columns and so ignores the labels.
        logits = np.random.RandomState(0).standard_normal((50, 4))
        labels = np.arange(50) % 4
        own = measure.logit_scaled_confidence(logits, labels)
        permuted = measure.logit_scaled_confidence(logits, (labels + 1) % 4)
        assert (np.abs(own - permuted) > 1e-6).all()

    def test_each_row_depends_on_its_own_label_alone(self):
        labels = LABELS.copy()
        labels[2] = 0
        own = measure.logit_scaled_confidence(LOGITS * [1, 2, 3], LABELS)
        changed = measure.logit_scaled_confidence(LOGITS * [1, 2, 3], labels)
        assert own[:2].tolist() == changed[:2].tolist()
        assert own[2] != changed[2]

    @quick
    @given(classified(10.0))
    def test_it_is_the_log_odds_of_the_label(self, drawn):
        logits, labels = drawn
        p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        own = p[np.arange(len(labels)), labels]
        others = p.sum(1) - own
        # 1 - p cancels where p is near 1, so the rest of the mass is compared where it is not tiny.
        clear = others > 1e-6
        found = measure.logit_scaled_confidence(logits, labels)
        np.testing.assert_allclose(found[clear], np.log(own / others)[clear], atol=1e-6)

    @quick
    @given(classified(), st.floats(-100, 100))
    def test_a_constant_added_to_all_logits_changes_nothing(self, drawn, shift):
        logits, labels = drawn
        for function in (measure.logit_scaled_confidence, measure.cross_entropy):
            np.testing.assert_allclose(function(logits + shift, labels), function(logits, labels), atol=1e-9)

    def test_two_classes_give_the_difference_of_the_logits(self):
        found = measure.logit_scaled_confidence(np.array([[1000.0, 0.0], [3.0, 5.5]]), np.array([0, 0]))
        assert found.tolist() == [1000.0, -2.5]

    def test_the_logits_are_not_written_to(self):
        logits = LOGITS.copy()
        measure.logit_scaled_confidence(logits, LABELS)
        assert np.array_equal(logits, LOGITS)


class TestAccuracy:
    def test_by_hand(self):
        assert measure.correct(LOGITS, np.array([0, 2, 1])).tolist() == [True, False, False]
        assert measure.accuracy(LOGITS, np.array([0, 1, 1])) == pytest.approx(2 / 3)

    @quick
    @given(classified(), st.randoms())
    def test_the_order_of_rows_does_not_matter(self, drawn, rng):
        logits, labels = drawn
        order = list(range(len(labels)))
        rng.shuffle(order)
        assert measure.accuracy(logits[order], labels[order]) == measure.accuracy(logits, labels)
        assert 0 <= measure.accuracy(logits, labels) <= 1


class TestLargestPredictionShare:
    def test_by_hand(self):
        assert measure.largest_prediction_share(np.array([[1, 0], [1, 0], [0, 1.0]])) == pytest.approx(2 / 3)
        assert measure.largest_prediction_share(np.tile([0.0, 2.0, 1.0], (7, 1))) == 1.0
        assert measure.largest_prediction_share(np.eye(5)) == pytest.approx(1 / 5)

    @quick
    @given(classified())
    def test_bounds(self, drawn):
        logits, _ = drawn
        assert 1 / logits.shape[1] - 1e-12 <= measure.largest_prediction_share(logits) <= 1

    @pytest.mark.parametrize("logits", [np.zeros(3), np.zeros((0, 3)), np.array([[np.nan, 1.0]])])
    def test_bad_logits_are_refused(self, logits):
        with pytest.raises(ValueError, match=r"need finite logits \[n, classes\], n > 0"):
            measure.largest_prediction_share(logits)


@pytest.mark.parametrize("function", ALL, ids=lambda function: function.__name__)
class TestRefusals:
    @pytest.mark.parametrize(
        ("logits", "labels"),
        [
            (np.zeros(3), np.zeros(3, int)),
            (np.zeros((3, 2)), np.zeros(2, int)),
            (np.zeros((0, 2)), np.zeros(0, int)),
            (np.zeros((3, 2)), np.zeros((3, 1), int)),
        ],
    )
    def test_shapes(self, function, logits, labels):
        with pytest.raises(ValueError, match=r"need logits \[n, classes\] and labels \[n\], n > 0"):
            function(logits, labels)

    def test_one_class(self, function):
        with pytest.raises(ValueError, match="at least two classes"):
            function(np.zeros((3, 1)), np.zeros(3, int))

    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    def test_not_finite(self, function, value):
        with pytest.raises(ValueError, match="NaN or infinite"):
            function(np.array([[0.0, value]]), np.array([0]))

    @pytest.mark.parametrize("label", [-1, 2])
    def test_labels_out_of_range(self, function, label):
        with pytest.raises(ValueError, match=r"a label lies outside 0\.\.1"):
            function(np.zeros((1, 2)), np.array([label]))
