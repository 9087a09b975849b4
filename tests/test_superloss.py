"""SuperLoss by hand and against its definition as a minimum."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from torch import nn

from mu_conformance.conditions.superloss import MovingSuperLoss, superloss

quick = settings(deadline=None, max_examples=60, database=None)


def of(loss: float, threshold: float, regularisation: float) -> tuple[float, float]:
    """The SuperLoss of one row, and its gradient."""
    row = torch.tensor([loss], dtype=torch.float64, requires_grad=True)
    value = superloss(row, threshold, regularisation)
    value.sum().backward()
    return value.item(), row.grad.item()


class TestSuperLoss:
    @pytest.mark.parametrize(
        ("loss", "threshold", "regularisation", "value", "sigma"),
        [
            (2.0, 2.0, 1.0, 0.0, 1.0),  # W(0) = 0
            # beta = 2 e: W(e) = 1, sigma = 1 / e; 2 e / e + 1
            (2 * math.e, 0.0, 1.0, 3.0, 1 / math.e),
            # beta = -2 / e, the branch point: W(-1 / e) = -1, sigma = e; -2 / e * e + 1
            (0.0, 2 / math.e, 1.0, -1.0, math.e),
            # further below: sigma stays e; -5 e + 1
            (0.0, 5.0, 1.0, 1 - 5 * math.e, math.e),
            (20 * math.e, 0.0, 10.0, 30.0, 1 / math.e),
        ],
    )
    def test_by_hand(self, loss, threshold, regularisation, value, sigma):
        found, gradient = of(loss, threshold, regularisation)
        assert found == pytest.approx(value, abs=1e-4)
        assert gradient == pytest.approx(sigma, rel=1e-5)

    @quick
    @given(st.floats(-1, 20), st.floats(-1, 5), st.floats(0.25, 10))
    def test_it_is_the_minimum_over_sigma(self, loss, threshold, regularisation):
        beta = (loss - threshold) / regularisation
        value, gradient = of(loss, threshold, regularisation)
        if beta > -2 / math.e + 1e-3:
            best = minimize_scalar(
                lambda s: (loss - threshold) * math.exp(s) + regularisation * s**2, bounds=(-6, 1), method="bounded"
            )
            assert value == pytest.approx(best.fun, abs=1e-4 * regularisation)
        assert 0 < gradient <= math.e + 1e-6

    def test_harder_rows_count_for_less(self):
        rows = torch.linspace(0, 8, 9, requires_grad=True)
        superloss(rows, 2.0, 1.0).sum().backward()
        assert (rows.grad[1:] <= rows.grad[:-1] + 1e-6).all()
        assert rows.grad[2].item() == pytest.approx(1.0)

    def test_a_large_regularisation_weighs_all_rows_alike(self):
        rows = torch.tensor([0.5, 1.0, 4.0], requires_grad=True)
        superloss(rows, 1.0, 1e6).sum().backward()
        assert rows.grad.tolist() == pytest.approx([1.0] * 3, abs=1e-4)

    @pytest.mark.parametrize("regularisation", [0.0, -1.0, math.nan])
    def test_a_regularisation_that_is_not_positive_is_refused(self, regularisation):
        with pytest.raises(ValueError, match="the regularisation must be positive"):
            superloss(torch.ones(2), 1.0, regularisation)


class TestMovingSuperLoss:
    def test_the_threshold_is_a_moving_average_of_each_models_own(self):
        loss, model, other = MovingSuperLoss(1.0, smoothing=0.9), nn.Linear(1, 1).train(), nn.Linear(1, 1).train()
        first, second = torch.tensor([1.0, 3.0]), torch.tensor([4.0, 8.0])
        assert loss(model, first).item() == pytest.approx(superloss(first, 2.0, 1.0).mean().item())
        # 0.9 * 2 + 0.1 * 6
        assert loss(model, second).item() == pytest.approx(superloss(second, 2.4, 1.0).mean().item())
        assert loss(other, second).item() == pytest.approx(superloss(second, 6.0, 1.0).mean().item())
        # a copy begins anew: what it was trained on before is another model's past
        assert loss(copy.deepcopy(model), second).item() == pytest.approx(superloss(second, 6.0, 1.0).mean().item())

    def test_evaluation_does_not_move_it(self):
        loss, model, rows = MovingSuperLoss(1.0), nn.Linear(1, 1).train(), torch.tensor([1.0, 3.0])
        loss(model, rows)
        model.eval()
        loss(model, 100 * rows)
        model.train()
        assert loss(model, rows).item() == pytest.approx(superloss(rows, 2.0, 1.0).mean().item())
