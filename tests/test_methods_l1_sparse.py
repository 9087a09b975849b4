"""l1-sparse on a model of two weights and on a linear model."""

from __future__ import annotations

import copy
import dataclasses
import types

import linear_task
import pytest
import torch
from torch import nn

from mu_conformance.isolation.child import RequestRows
from mu_conformance.methods import FineTune, L1Sparse
from mu_conformance.protocol.recipe import TrainingRecipe
from mu_conformance.tasks import Rows

RECIPE = TrainingRecipe(10, 4, 0.1, weight_decay=0.0)


def request_of(forget: int, retain: int):
    request = linear_task.request_of(linear_task.rows_of(forget), linear_task.rows_of(retain))
    return dataclasses.replace(request, recipe=RECIPE)


class Two(nn.Module):
    """Two weights a and b; the loss of a row x is a * x."""

    def __init__(self, a: float, b: float) -> None:
        super().__init__()
        self.a, self.b = nn.Parameter(torch.tensor(a)), nn.Parameter(torch.tensor(b))


class TwoTask:
    """A loss and a loader, as a request's task has them."""

    name = "toy"

    def loss(self, model, batch):
        return model.a * batch["x"].mean()

    def loader(self, *args, **kwargs):
        return request_of(1, 1).task.loader(*args, **kwargs)


def two_request(epochs: int):
    rows = RequestRows(Rows({"x": torch.tensor([1.0, 3.0])}), ("x",))
    recipe = TrainingRecipe(epochs, 2, 0.1, weight_decay=0.0, schedule="constant")
    request = linear_task.request_of(linear_task.rows_of(1), linear_task.rows_of(1))
    return dataclasses.replace(request, forget=rows, retain=rows, recipe=recipe, task=TwoTask())


class TestSchedule:
    @pytest.mark.parametrize(("epochs", "expected"), [(1, [0.8]), (2, [0.8, 0.4]), (4, [0.8, 0.6, 0.4, 0.2]), (0, [])])
    def test_by_hand(self, epochs, expected):
        assert L1Sparse(gamma=0.8).gammas(epochs) == pytest.approx(expected)

    def test_each_epoch_has_its_own(self, monkeypatch):
        # Adam's steps hide the size of a gradient, so it is read where the optimiser takes it: that of b is gamma_t
        # alone.
        seen = []
        model = Two(1.0, 5.0)
        step = torch.optim.AdamW.step

        def spy(self, *args, **kwargs):
            seen.append([p.grad.item() for group in self.param_groups for p in group["params"]])
            return step(self, *args, **kwargs)

        monkeypatch.setattr(torch.optim.AdamW, "step", spy)
        L1Sparse(gamma=0.8, epochs_share=1.0).unlearn(model, two_request(4))
        # the mean of x is 2, and both weights stay positive: sign 1
        assert seen == [pytest.approx([2 + gamma, gamma], abs=1e-6) for gamma in (0.8, 0.6, 0.4, 0.2)]


class TestStep:
    def test_one_step_on_two_weights_by_hand(self):
        # The gradients are 2 + gamma * sign(a) = 2.5 and gamma * sign(b) = -0.5: AdamW's first step is the learning
        # rate against their signs. Here 0.1 * 0.5: a falls, b = -3 rises towards 0.
        found = L1Sparse(gamma=0.5, epochs_share=1.0, learning_rate_share=0.5).unlearn(Two(1.0, -3.0), two_request(1))
        assert found.a.item() == pytest.approx(0.95, abs=1e-6)
        assert found.b.item() == pytest.approx(-2.95, abs=1e-6)

    def test_a_penalty_stronger_than_the_loss_turns_the_step(self):
        # at a = -1 the gradient is 2 - gamma: above 2 the step goes up, below it down
        for gamma, expected in ((3.0, -0.9), (1.0, -1.1)):
            method = L1Sparse(gamma=gamma, epochs_share=1.0, learning_rate_share=1.0)
            assert method.unlearn(Two(-1.0, 1.0), two_request(1)).a.item() == pytest.approx(expected, abs=1e-6)

    def test_a_frozen_weight_is_neither_moved_nor_penalised(self):
        model = Two(1.0, -3.0)
        model.b.requires_grad_(False)
        found = L1Sparse(gamma=0.5).unlearn(model, two_request(1))
        assert found.b.item() == -3.0
        assert not found.b.requires_grad
        assert found.a.item() == pytest.approx(0.95, abs=1e-6)


def test_without_a_penalty_it_is_fine_tuning():
    model = linear_task.TASK.new_model(5)
    one, other = (method.unlearn(model, request_of(3, 9)) for method in (L1Sparse(gamma=0.0), FineTune()))
    assert all(torch.equal(one.state_dict()[name], value) for name, value in other.state_dict().items())


def test_more_penalty_leaves_a_smaller_norm():
    model = linear_task.TASK.new_model(5)
    norms = [
        sum(
            p.abs().sum().item()
            for p in L1Sparse(gamma, epochs_share=5.0).unlearn(model, request_of(3, 9)).parameters()
        )
        for gamma in (0.0, 0.1, 1.0)
    ]
    assert norms == sorted(norms, reverse=True)
    assert norms[2] < 0.5 * norms[0]


@pytest.mark.parametrize(("forget", "retain"), [(0, 9), (1, 9), (9, 4), (4, 0)])
def test_any_request_is_served_and_the_original_left_alone(forget, retain):
    model = linear_task.TASK.new_model(5)
    before = copy.deepcopy(model.state_dict())
    found = L1Sparse().unlearn(model, request_of(forget, retain))
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert not found.training
    assert torch.equal(found.linear.weight, model.linear.weight) is (retain == 0)


@pytest.mark.parametrize("gamma", [-0.1, float("inf"), float("nan")])
def test_a_gamma_outside_its_range_is_refused(gamma):
    with pytest.raises(ValueError, match=r"^gamma must lie in \[0, inf\), got "):
        L1Sparse(gamma=gamma)


def test_a_wholly_frozen_model_stays_as_it_is():
    model = linear_task.TASK.new_model(5).requires_grad_(False)
    found = L1Sparse().unlearn(model, request_of(3, 9))
    assert torch.equal(found.linear.weight, model.linear.weight)
    assert isinstance(found(torch.zeros(1, 2)), types.SimpleNamespace)
