"""DELETE on a linear model of a few rows."""

from __future__ import annotations

import copy
import dataclasses

import linear_task
import pytest
import torch

from mu_conformance.methods import DELETE
from mu_conformance.methods.parts.decoupling import masked_teacher
from mu_conformance.protocol.recipe import TrainingRecipe

RECIPE = TrainingRecipe(10, 4, 0.05, weight_decay=0.5)


def request_of(forget: int):
    request = linear_task.request_of(linear_task.rows_of(forget), linear_task.rows_of(1))
    return dataclasses.replace(request, recipe=RECIPE, retain=None)


def original():
    return linear_task.TASK.new_model(5)


def probabilities(model, x: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return model(x).logits.softmax(dim=1)


def test_a_forget_row_loses_its_label_and_the_others_keep_their_ratio():
    model, rows = original(), linear_task.rows_of(1)
    found = DELETE(epochs=400, learning_rate_share=1.0).unlearn(model, request_of(1))
    x = rows.columns["x"]
    with torch.no_grad():
        wanted = masked_teacher(model(x).logits, rows.labels).exp()
    assert probabilities(model, x)[0, 0] > 0.1
    assert probabilities(found, x)[0].tolist() == pytest.approx(wanted[0].tolist(), abs=0.01)


def test_the_first_step_is_against_the_gradient_by_hand():
    # One row x = (0, 1) of class 0, one step: the gradient of the weights is (p - masked teacher) x. It is positive for
    # class 0 and negative for the others, 0 in the first column: there, no weight decay either.
    model = original()
    found = DELETE(epochs=1, learning_rate_share=0.2).unlearn(model, request_of(1))
    rate = 0.2 * RECIPE.learning_rate
    by_hand = torch.tensor([[0.0, -rate], [0.0, rate], [0.0, rate]])
    torch.testing.assert_close(found.linear.weight - model.linear.weight, by_hand, atol=1e-6, rtol=0)
    torch.testing.assert_close(found.linear.bias - model.linear.bias, by_hand[:, 1], atol=1e-6, rtol=0)


@pytest.mark.parametrize("forget", [0, 1, 9])
def test_any_request_is_served_and_the_original_left_alone(forget):
    model = original()
    before = copy.deepcopy(model.state_dict())
    found = DELETE().unlearn(model, request_of(forget))
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert all(parameter.requires_grad for parameter in (*model.parameters(), *found.parameters()))
    assert not found.training
    assert torch.isfinite(found.linear.weight).all()
    assert torch.equal(found.linear.weight, model.linear.weight) is (forget == 0)


def test_frozen_parameters_stay_as_they_were():
    model = original()
    model.linear.bias.requires_grad_(False)
    found = DELETE().unlearn(model, request_of(4))
    assert torch.equal(found.linear.bias, model.linear.bias)
    assert not found.linear.bias.requires_grad
    assert not torch.equal(found.linear.weight, model.linear.weight)


def test_it_claims_the_forget_set_alone_and_its_labels():
    assert not DELETE.claims.needs_retain
    assert DELETE.claims.reads_labels
    assert DELETE.claims.requires == ("likelihood",)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epochs": 0}, r"^epochs must be at least 1, got 0$"),
        ({"learning_rate_share": 0.0}, r"^learning_rate_share must lie in \(0, inf\), got 0.0$"),
        ({"learning_rate_share": float("nan")}, r"^learning_rate_share must lie in \(0, inf\), got nan$"),
    ],
)
def test_settings_outside_their_range_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        DELETE(**settings)
