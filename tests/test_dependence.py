"""CODEC on a few samples by hand and on many by what it must tend to; FOCI."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mu_conformance.methods.parts.dependence import conditional_dependence, markov_blanket

quick = settings(deadline=None, max_examples=40, database=None)


def column(*values: float) -> torch.Tensor:
    return torch.tensor(values)[:, None]


class TestConditionalDependence:
    def test_three_samples_by_hand(self):
        # Ranks R = 1, 2, 3 and L = 3, 2, 1; nearest neighbours 1, 0, 1 (of equally near ones the first). The numerator
        # is 3 * (1 + 1 + 2) - (9 + 4 + 1) = -2, the denominator 3 * 0 + 2 * 1 + 1 * 2 = 4.
        y = torch.tensor([1.0, 2.0, 3.0])
        assert conditional_dependence(y, column(0.0, 1.0, 2.0)) == pytest.approx(-0.5)

    @pytest.mark.parametrize(
        ("z", "expected"),
        [
            # in X the pairs 0, 1 and 2, 3 are nearest: min(R, R_N) = 1, 1, 3, 3, the denominator is 0 + 1 + 0 + 1
            ((0.0, 0.0, 0.0, 0.0), 0.0),  # the same neighbours
            ((0.0, 10.0, 0.0, 10.0), -1.0),  # with Z the pairs are 0, 2 and 1, 3: min(R, R_M) = 1, 2, 1, 2
        ],
    )
    def test_four_samples_given_a_column_by_hand(self, z, expected):
        y, x = torch.tensor([1.0, 2.0, 3.0, 4.0]), column(0.0, 0.1, 5.0, 5.1)
        assert conditional_dependence(y, column(*z), x) == pytest.approx(expected)

    def test_where_nothing_is_left_to_tell(self):
        # each sample's nearest in X is no smaller in y
        y, x = torch.tensor([1.0, 1.0, 2.0, 2.0]), column(0.0, 0.1, 5.0, 5.1)
        assert conditional_dependence(y, column(1.0, 2.0, 3.0, 4.0), x) == -torch.inf

    def test_many_samples_tend_to_0_and_1(self):
        generator = torch.Generator().manual_seed(0)
        x, z, noise = torch.rand(3, 1500, generator=generator)
        assert conditional_dependence(torch.sin(9 * z), z[:, None]) > 0.95
        assert abs(conditional_dependence(noise, z[:, None])) < 0.08
        # the sum modulo 1 depends on neither alone, and on each given the other (Azadkia and Chatterjee's example)
        y = (x + z) % 1
        assert abs(conditional_dependence(y, z[:, None])) < 0.08
        assert conditional_dependence(y, z[:, None], x[:, None]) > 0.8

    @quick
    @given(st.integers(0, 2**30), st.integers(3, 30))
    def test_a_growing_function_of_y_changes_nothing(self, seed, n):
        generator = torch.Generator().manual_seed(seed)
        y, z, x = torch.randn(3, n, generator=generator, dtype=torch.float64)
        for given_x in (None, x[:, None]):
            one, other = (conditional_dependence(of, z[:, None], given_x) for of in (y, y.exp()))
            assert one == other
            assert one <= 1

    @pytest.mark.parametrize(
        ("y", "z", "x"),
        [
            ((1,), (1, 1), None),
            ((3,), (2, 1), None),
            ((3,), (3,), None),
            ((3,), (3, 1), (2, 1)),
            ((3, 1), (3, 1), None),
        ],
    )
    def test_other_shapes_are_refused(self, y, z, x):
        with pytest.raises(ValueError, match="two samples or more are needed"):
            conditional_dependence(torch.zeros(y), torch.zeros(z), None if x is None else torch.zeros(x))


class TestMarkovBlanket:
    def test_it_holds_what_the_loss_is_made_of(self):
        candidates = torch.rand(400, 12, generator=torch.Generator().manual_seed(1))
        y = candidates[:, 3] + 2 * candidates[:, 7] ** 2
        assert markov_blanket(y, candidates)[:2] == [7, 3]
        assert markov_blanket(y, candidates, most=1) == [7]
        # columns' units do not matter
        assert markov_blanket(y, candidates * torch.logspace(-3, 3, 12))[:2] == [7, 3]

    def test_the_greedy_choice_is_that_of_the_coefficient(self):
        candidates = torch.rand(60, 5, generator=torch.Generator().manual_seed(2))
        y = candidates[:, 0] * candidates[:, 4]
        first, second = markov_blanket(y, candidates, most=2)
        scaled = (candidates - candidates.mean(0)) / candidates.std(0, correction=0)
        alone = [conditional_dependence(y, scaled[:, [at]]) for at in range(5)]
        assert alone[first] == max(alone)
        rest = [at for at in range(5) if at != first]
        given_first = {at: conditional_dependence(y, scaled[:, [at]], scaled[:, [first]]) for at in rest}
        assert given_first[second] == max(given_first.values())

    def test_constant_columns_are_left_out(self):
        candidates = torch.rand(50, 3, generator=torch.Generator().manual_seed(3))
        candidates[:, [0, 2]] = 1.0
        assert markov_blanket(torch.rand(50), candidates) == [1]
        assert markov_blanket(torch.rand(50), torch.ones(50, 2)) == []
        assert markov_blanket(torch.rand(50), torch.ones(50, 0)) == []
