"""Gradients over rows, their squares, masks of the largest, and weights that are put back."""

from __future__ import annotations

import copy
import types

import linear_task
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from mu_conformance.methods.parts.saliency import kept_outside, largest, mean_gradient, mean_squared_gradient
from mu_conformance.protocol.recipe import TrainingRecipe
from mu_conformance.tasks import Rows
from mu_conformance.training.loop import fit

quick = settings(deadline=None, max_examples=60, database=None)


class Slope(nn.Module):
    """Two weights; the loss of a row x is a * x, so its gradient is x for a and none for b."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Parameter(torch.tensor(2.0)), nn.Parameter(torch.tensor(3.0))

    def forward(self, x, labels=None):
        return types.SimpleNamespace(loss=(self.a * x).mean(), logits=x[:, None])


def loss(model, batch):
    return model(batch["x"]).loss


X = Rows({"x": torch.tensor([1.0, 2.0, 6.0])})


class TestMeanGradient:
    @pytest.mark.parametrize("batch_size", [1, 2, 3, 10])
    def test_each_row_counts_once_whatever_the_batches(self, batch_size):
        found = mean_gradient(Slope(), X, loss, batch_size)
        assert found["a"].item() == pytest.approx(3.0)
        assert found["b"].item() == 0.0

    def test_no_rows_give_zeros_and_a_frozen_weight_nothing(self):
        model = Slope()
        model.b.requires_grad_(False)
        assert mean_gradient(model, X.select([]), loss, 2) == {"a": torch.tensor(0.0)}

    def test_the_model_is_in_evaluation_mode_and_left_as_it_was(self):
        model, modes = Slope().train(), []

        def spy(current, batch):
            modes.append(current.training)
            return loss(current, batch)

        mean_gradient(model, X, spy, 2)
        assert modes == [False, False]
        assert model.training
        assert model.a.grad is None


class TestMeanSquaredGradient:
    def test_squares_of_rows_not_of_their_mean(self):
        # (1 + 4 + 36) / 3, where the square of the mean gradient is 9
        found = mean_squared_gradient(Slope(), X, loss)
        assert found["a"].item() == pytest.approx(41 / 3)
        assert found["b"].item() == 0.0

    def test_of_a_softmax_by_hand(self):
        # the gradient of a row's cross-entropy in the bias is p - onehot(label)
        model, rows = linear_task.TASK.new_model(5), linear_task.rows_of(4)
        found = mean_squared_gradient(model, rows, linear_task.TASK.loss)
        with torch.no_grad():
            apart = model(rows.columns["x"]).logits.softmax(1) - nn.functional.one_hot(rows.labels, 3)
        torch.testing.assert_close(found["linear.bias"], apart.square().mean(0))
        by_hand = (apart[:, :, None] * rows.columns["x"][:, None]).square().mean(0)
        torch.testing.assert_close(found["linear.weight"], by_hand)


class TestLargest:
    def test_over_all_tensors_together(self):
        scores = {"a": torch.tensor([[5.0, 1.0], [0.0, 4.0]]), "b": torch.tensor([3.0, 2.0])}
        found = largest(scores, 0.5)
        assert found["a"].tolist() == [[True, False], [False, True]]
        assert found["b"].tolist() == [True, False]

    def test_of_equal_entries_the_earlier(self):
        found = largest({"a": torch.zeros(3), "b": torch.ones(2), "c": torch.zeros(1)}, 0.5)
        assert [mask.tolist() for mask in found.values()] == [[True, False, False], [True, True], [False]]

    @quick
    @given(st.lists(st.integers(0, 3), min_size=1, max_size=12), st.floats(0, 1))
    def test_exactly_the_share_and_none_left_out_is_larger(self, values, share):
        scores = torch.tensor(values, dtype=torch.float32)
        mask = largest({"a": scores}, share)["a"]
        assert mask.sum() == round(share * len(values))
        if 0 < mask.sum() < len(values):
            assert scores[mask].min() >= scores[~mask].max()

    def test_nothing_of_nothing(self):
        assert largest({}, 0.5) == {}

    @pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
    def test_a_share_outside_its_range_is_refused(self, share):
        with pytest.raises(ValueError, match=r"^a share lies in \[0, 1\], got "):
            largest({"a": torch.zeros(2)}, share)


def test_weights_outside_the_mask_stay_bitwise_weight_decay_included():
    model = linear_task.TASK.new_model(5)
    before = copy.deepcopy(model.state_dict())
    masks = {"linear.weight": torch.tensor([[True, False], [False, False], [False, True]])}
    recipe = TrainingRecipe(3, 2, 0.1, weight_decay=0.5)
    fit(model, linear_task.rows_of(5), linear_task.TASK, recipe, 0, after_step=kept_outside(model, masks))
    same = model.linear.weight == before["linear.weight"]
    assert same.tolist() == [[False, True], [True, True], [True, False]]
    # a parameter without a mask is trained
    assert not (model.linear.bias == before["linear.bias"]).any()
