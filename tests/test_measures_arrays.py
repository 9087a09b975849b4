"""The checks that all measures share."""

from __future__ import annotations

import numpy as np
import pytest

from mu_conformance.measures import arrays


@pytest.mark.parametrize("values", [[], [[1.0]], 1.0])
def test_a_vector_has_one_dimension_and_something_in_it(values):
    with pytest.raises(ValueError, match=r"^x must be a non-empty one-dimensional array, got shape \("):
        arrays.vector(values, "x")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, None])
def test_nothing_is_missing(value):
    with pytest.raises(ValueError, match=r"^x holds NaN or infinite values$"):
        arrays.vector([1.0, value], "x")
    with pytest.raises(ValueError, match=r"^x holds NaN or infinite values$"):
        arrays.matrix([[1.0, value]], "x")


@pytest.mark.parametrize("shape", [(3,), (1, 4), (2, 3), (2, 4, 1), (0, 4)])
def test_a_matrix_says_what_it_needs(shape):
    with pytest.raises(ValueError, match=r"^x must be \[k >= 2, 4\], got shape \("):
        arrays.matrix(np.zeros(shape), "x", rows=2, columns=4)


def test_a_matrix_without_columns_is_none():
    with pytest.raises(ValueError, match=r"^x must be \[k >= 1, n > 0\], got shape \(2, 0\)"):
        arrays.matrix(np.zeros((2, 0)), "x")


class TestNumber:
    @pytest.mark.parametrize("value", [-0.1, 1.1, np.nan, np.inf])
    def test_range(self, value):
        with pytest.raises(ValueError, match=r"^x must be finite and lie in \[0, 1\], got "):
            arrays.number(value, "x", 0, 1)

    def test_an_open_end(self):
        assert arrays.number(1e-9, "x", 0, above=True) == 1e-9
        with pytest.raises(ValueError, match=r"lie in \(0, inf\], got 0"):
            arrays.number(0, "x", 0, above=True)

    def test_one(self):
        with pytest.raises(ValueError, match=r"^x must be one number, got shape \(1,\)"):
            arrays.number([1.0], "x")


class TestProbabilities:
    def test_rounding_is_taken_out(self):
        found = arrays.probabilities(np.float32([[0.1, 0.2, 0.7]]), "p")
        assert found.sum() == 1.0

    @pytest.mark.parametrize("values", [[[2.0, -1.0]], [[0.5, 0.4]], [[3.0, 4.0]]])
    def test_not_a_distribution(self, values):
        with pytest.raises(ValueError, match=r"^p must be probabilities: no value below 0, each row's sum 1$"):
            arrays.probabilities(values, "p")

    def test_one_class(self):
        with pytest.raises(ValueError, match=r"^p must have at least two classes, got shape \(2, 1\)"):
            arrays.probabilities(np.ones((2, 1)), "p")


class TestLabels:
    @pytest.mark.parametrize("labels", [[-1, 0], [0, 3], [0.5, 0], [np.nan, 0]])
    def test_out_of_range(self, labels):
        with pytest.raises(ValueError, match=r"^a label lies outside 0\.\.2$"):
            arrays.labels_of(labels, 2, 3)

    def test_one_for_each_row(self):
        with pytest.raises(ValueError, match=r"^labels must be \[2\], one for each row, got shape \(3,\)"):
            arrays.labels_of([0, 0, 0], 2, 3)
