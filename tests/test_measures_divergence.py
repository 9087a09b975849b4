"""Distances between the outputs of models, against values worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.spatial.distance import jensenshannon
from scipy.special import rel_entr

from mu_conformance.measures.divergence import activation_distance, jensen_shannon, klom, zero_retrain_forgetting

quick = settings(deadline=None, max_examples=60, database=None)
ROWS = [activation_distance, jensen_shannon, zero_retrain_forgetting]


@st.composite
def pairs(draw):
    """Two arrays of distributions, zeros among them."""
    shape = draw(st.integers(1, 6)), draw(st.integers(2, 5))
    weights = [draw(hnp.arrays(float, shape, elements=st.integers(0, 9).map(float))) for _ in range(2)]
    for side in weights:
        side[side.sum(axis=1) == 0, 0] = 1
    return [side / side.sum(axis=1, keepdims=True) for side in weights]


def uniform(classes: int) -> np.ndarray:
    return np.full((1, classes), 1 / classes)


class TestJensenShannon:
    def test_by_hand(self):
        # (1, 0) and (1/2, 1/2), mean (3/4, 1/4): (ln 4/3) / 2 + (ln 2/3 + ln 2) / 4
        found = jensen_shannon(np.array([[1.0, 0.0]]), uniform(2))
        assert found == pytest.approx(math.log(4 / 3) / 2 + math.log(4 / 3) / 4)
        assert found == pytest.approx(0.2158, abs=5e-5)

    def test_golden_disjoint_distributions_give_ln_2(self):
        p, q = np.array([[0.5, 0.5, 0.0, 0.0], [1.0, 0, 0, 0]]), np.array([[0.0, 0.0, 0.25, 0.75], [0, 0, 0, 1.0]])
        assert jensen_shannon(p, q).tolist() == [math.log(2), math.log(2)]

    @quick
    @given(pairs())
    def test_golden_equal_distributions_give_0_exactly(self, pair):
        assert jensen_shannon(pair[0], pair[0]).tolist() == [0.0] * len(pair[0])

    @quick
    @given(pairs())
    def test_bounds_and_symmetry(self, pair):
        found = jensen_shannon(*pair)
        assert ((found >= 0) & (found <= math.log(2))).all()
        assert jensen_shannon(*pair[::-1]).tolist() == found.tolist()
        np.testing.assert_allclose(found, jensenshannon(*pair, axis=1) ** 2, atol=1e-7)

    @quick
    @given(pairs(), st.integers(1, 4), st.integers(2, 5))
    def test_golden_neither_empty_classes_nor_other_rows_change_a_row(self, pair, classes, copies):
        found = jensen_shannon(*pair)
        padded = [np.pad(side, ((0, 0), (0, classes))) for side in pair]
        np.testing.assert_allclose(jensen_shannon(*padded), found, atol=1e-15)
        larger = [np.tile(side, (copies, 1)) for side in pair]
        assert jensen_shannon(*larger).tolist() == found.tolist() * copies

    def test_a_known_wrong_form_differs(self):
        # Seen in public code: the divergences with their arguments swapped, averaged over rows and classes alike. It
        # changes with zero-padded classes, and here lies above ln 2.
        def swapped(p, q):
            middle = (p + q) / 2
            return 0.5 * (rel_entr(middle, np.maximum(p, 1e-9)) + rel_entr(middle, np.maximum(q, 1e-9))).mean()

        p, q = np.array([[0.999, 0.001]]), np.array([[0.001, 0.999]])
        assert swapped(p, q) > math.log(2) > jensen_shannon(p, q)[0]
        padded = [np.pad(side, ((0, 0), (0, 2))) for side in (p, q)]
        assert swapped(*padded) == pytest.approx(swapped(p, q) / 2)


class TestZeroRetrainForgetting:
    @pytest.mark.parametrize(("classes", "expected"), [(2, 0.784), (12, 0.454), (100, 0.335)])
    def test_golden_its_floor_depends_on_the_number_of_classes(self, classes, expected):
        # one class for sure against all alike; the mean is (c + 1) / 2c once and 1 / 2c
        sure = np.eye(classes)[:1]
        half = math.log(2 * classes / (classes + 1))
        other = (math.log(2 / (classes + 1)) + (classes - 1) * math.log(2)) / classes
        found = zero_retrain_forgetting(sure, uniform(classes))
        assert found == pytest.approx(1 - (half + other) / 2)
        assert found == pytest.approx(expected, abs=5e-4)

    def test_it_is_the_mean_over_rows(self):
        p, q = np.array([[1.0, 0.0], [0.5, 0.5]]), np.array([[0.0, 1.0], [0.5, 0.5]])
        assert zero_retrain_forgetting(p, q) == pytest.approx(1 - math.log(2) / 2)

    @quick
    @given(pairs())
    def test_bounds(self, pair):
        assert 1 - math.log(2) - 1e-12 <= zero_retrain_forgetting(*pair) <= 1


class TestActivationDistance:
    def test_by_hand(self):
        # (0.6, -0.8, 0.2) has length sqrt(1.04); the second row is equal
        p, q = np.array([[0.8, 0.0, 0.2], [1, 0, 0]]), np.array([[0.2, 0.8, 0.0], [1, 0, 0]])
        assert activation_distance(p, q) == pytest.approx(math.sqrt(1.04) / 2)
        assert activation_distance(np.eye(2), np.eye(2)[::-1]) == pytest.approx(math.sqrt(2))

    @quick
    @given(pairs())
    def test_it_is_a_distance(self, pair):
        p, q = pair
        assert activation_distance(p, p) == 0
        assert activation_distance(p, q) == activation_distance(q, p)
        assert 0 <= activation_distance(p, q) <= math.sqrt(2) + 1e-12
        middle = (p + q) / 2
        assert activation_distance(p, middle) + activation_distance(middle, q) == pytest.approx(
            activation_distance(p, q)
        )


@pytest.mark.parametrize("measure", ROWS)
@pytest.mark.parametrize(
    ("p", "q", "message"),
    [
        (np.ones(2) / 2, np.ones((1, 2)) / 2, r"p must be \[k >= 1, n > 0\]"),
        (np.ones((1, 2)) / 2, np.ones((1, 3)) / 3, r"q must be \[k >= 1, 2\]"),
        (np.ones((1, 2)) / 2, np.ones((2, 2)) / 2, "p and q must have the same rows, got 1 and 2"),
        (np.zeros((0, 2)), np.zeros((0, 2)), "p must be"),
        (np.array([[np.nan, 1]]), np.ones((1, 2)) / 2, "p holds NaN"),
        (np.array([[3.0, -2.0]]), np.ones((1, 2)) / 2, "p must be probabilities"),
        (np.ones((1, 1)), np.ones((1, 1)), "at least two classes"),
    ],
)
def test_refusals(measure, p, q, message):
    with pytest.raises(ValueError, match=message):
        measure(p, q)


@st.composite
def margins(draw):
    j, k, n = draw(st.integers(2, 6)), draw(st.integers(2, 6)), draw(st.integers(1, 4))
    eighths = st.integers(-1600, 1600).map(lambda value: value / 8)
    return [draw(hnp.arrays(float, (models, n), elements=eighths)) for models in (j, k)]


class TestKlom:
    def test_by_hand(self):
        # Two bins from 0 to 1: shares (1/2, 1/2) of the runs, (1/4, 3/4) of the references.
        found = klom(np.array([[0.0], [0.0], [1.0], [1.0]]), np.array([[0.0], [1.0], [1.0], [1.0]]), bins=2)
        assert found.tolist() == pytest.approx([0.5 * math.log(2) + 0.5 * math.log(2 / 3)])

    def test_golden_its_direction_is_runs_against_references(self):
        runs, references = np.array([[0.0], [0.0]]), np.array([[0.0], [1.0]])
        assert klom(runs, references).tolist() == pytest.approx([math.log(2)])
        # The other way half of the mass falls where no run is: (ln 1/2 + ln(1 / 2e-5)) / 2
        assert klom(references, runs).tolist() == pytest.approx([0.5 * math.log(0.5) + 0.5 * math.log(0.5e5)])

    def test_golden_the_largest_margin_is_counted(self):
        # A known implementation leaves the right end of the last bin out.
        assert klom(np.array([[1.0], [1.0]]), np.array([[0.0], [0.0]])).tolist() == pytest.approx([math.log(1e5)])

    def test_margins_are_clipped(self):
        far = klom(np.array([[500.0], [300.0]]), np.array([[100.0], [0.0]]))
        assert far.tolist() == klom(np.array([[100.0], [100.0]]), np.array([[100.0], [0.0]])).tolist()
        assert klom(np.array([[3.0], [9.0]]), np.array([[7.0], [8.0]]), clip=1.0).tolist() == [0.0]

    def test_rows_of_one_value(self):
        assert klom(np.full((2, 1), 4.0), np.full((3, 1), 4.0)).tolist() == [0.0]

    @quick
    @given(margins(), st.integers(1, 25))
    def test_bounds(self, pair, bins):
        found = klom(*pair, bins=bins)
        assert ((found >= 0) & (found <= math.log(1e5) + 1e-9)).all()
        assert klom(pair[0], pair[0], bins=bins).tolist() == [0.0] * pair[0].shape[1]
        assert klom(*pair, bins=1).tolist() == [0.0] * pair[0].shape[1]

    @quick
    @given(margins(), st.randoms())
    def test_neither_the_order_of_models_nor_other_rows_matter(self, pair, rng):
        found = klom(*pair)
        order = list(range(len(pair[1])))
        rng.shuffle(order)
        assert klom(pair[0], pair[1][order]).tolist() == found.tolist()
        assert [klom(*(side[:, [row]] for side in pair))[0] for row in range(len(found))] == found.tolist()

    @pytest.mark.parametrize(
        ("runs", "references", "options", "message"),
        [
            (np.zeros((1, 3)), np.zeros((4, 3)), {}, r"margins must be \[k >= 2, n > 0\]"),
            (np.zeros((4, 3)), np.zeros((1, 3)), {}, r"reference_margins must be \[k >= 2, 3\]"),
            (np.zeros((4, 3)), np.zeros((4, 2)), {}, r"reference_margins must be \[k >= 2, 3\]"),
            (np.zeros((4, 3)), np.full((4, 3), np.inf), {}, "reference_margins holds NaN"),
            (np.zeros((2, 1)), np.zeros((2, 1)), {"bins": 0}, "bins must be finite and lie in"),
            (np.zeros((2, 1)), np.zeros((2, 1)), {"bins": 2.5}, "bins must be a whole number"),
            (np.zeros((2, 1)), np.zeros((2, 1)), {"clip": 0}, "clip must be"),
            (np.zeros((2, 1)), np.zeros((2, 1)), {"floor": 0}, "floor must be"),
        ],
    )
    def test_refusals(self, runs, references, options, message):
        with pytest.raises(ValueError, match=message):
            klom(runs, references, **options)
