"""Linear CKA: a value by hand, and its invariances."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mu_conformance.measures.representation import linear_cka

quick = settings(deadline=None, max_examples=40, database=None)
seeds = st.integers(0, 2**31)


def features(rng: np.random.RandomState, rows: int = 20) -> tuple[np.ndarray, np.ndarray]:
    x = rng.standard_normal((rows, 5))
    return x, x[:, :3] + rng.standard_normal((rows, 3))


class TestByHand:
    def test_one_feature_gives_the_squared_correlation(self):
        x, y = np.array([[0.0], [1.0], [2.0]]), np.array([[0.0], [2.0], [1.0]])
        # centred (-1, 0, 1) and (-1, 1, 0): product 1, squares 2 and 2
        assert linear_cka(x, y) == pytest.approx(0.25)

    def test_two_features_against_one(self):
        # x centred has columns of length sqrt 2 at right angles: X'X = diag(2, 2), norm sqrt 8. y is the first column:
        # Y'X = (2, 0), Y'Y = 2. 4 / (2 sqrt 8)
        x = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
        assert linear_cka(x, x[:, :1]) == pytest.approx(4 / (2 * math.sqrt(8)))

    def test_features_at_right_angles_give_0(self):
        x = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
        assert linear_cka(x[:, :1], x[:, 1:]) == pytest.approx(0)


class TestInvariances:
    @quick
    @given(seeds, st.floats(0.001, 1000), st.floats(-100, 100))
    def test_rotation_scale_and_shift(self, seed, scale, shift):
        rng = np.random.RandomState(seed)
        x, y = features(rng)
        found = linear_cka(x, y)
        rotation = np.linalg.qr(rng.standard_normal((5, 5)))[0]
        assert linear_cka(scale * x @ rotation + shift, y) == pytest.approx(found, abs=1e-8)
        assert linear_cka(x, scale * x @ rotation + shift) == pytest.approx(1, abs=1e-8)

    def test_not_to_any_linear_map(self):
        x, y = features(np.random.RandomState(0))
        assert abs(linear_cka(x * [1, 1, 1, 1, 30], y) - linear_cka(x, y)) > 0.1

    @quick
    @given(seeds)
    def test_bounds_symmetry_and_the_order_of_rows(self, seed):
        rng = np.random.RandomState(seed)
        x, y = features(rng)
        found = linear_cka(x, y)
        assert 0 <= found <= 1
        assert linear_cka(y, x) == pytest.approx(found)
        order = rng.permutation(len(x))
        assert linear_cka(x[order], y[order]) == pytest.approx(found)

    @quick
    @given(seeds)
    def test_it_is_the_form_with_kernels(self, seed):
        x, y = features(np.random.RandomState(seed))
        centre = np.eye(len(x)) - 1 / len(x)
        k, m = centre @ x @ x.T @ centre, centre @ y @ y.T @ centre
        assert linear_cka(x, y) == pytest.approx((k * m).sum() / math.sqrt((k * k).sum() * (m * m).sum()))

    @pytest.mark.parametrize("scale", [1e-200, 1e200])
    def test_no_scale_is_too_large_or_small(self, scale):
        x, y = features(np.random.RandomState(0))
        assert linear_cka(scale * x, y) == pytest.approx(linear_cka(x, y))

    def test_with_few_rows_it_is_high_for_any_two_models(self):
        rng = np.random.RandomState(0)
        assert linear_cka(rng.standard_normal((10, 500)), rng.standard_normal((10, 500))) > 0.9


class TestRefusals:
    @pytest.mark.parametrize(
        ("x", "y", "message"),
        [
            (np.zeros(3), np.zeros((3, 1)), r"x must be \[k >= 2, n > 0\]"),
            (np.zeros((1, 2)), np.zeros((1, 2)), r"x must be \[k >= 2, n > 0\]"),
            (np.eye(3), np.eye(2), "x and y must have the same rows, got 3 and 2"),
            (np.eye(2), np.array([[np.nan], [0]]), "y holds NaN"),
            (np.eye(3), np.full((3, 2), 0.1), "y is the same on all rows: need features that vary"),
            (np.zeros((3, 2)), np.eye(3), "x is the same on all rows"),
        ],
    )
    def test_refusals(self, x, y, message):
        with pytest.raises(ValueError, match=message):
            linear_cka(x, y)
