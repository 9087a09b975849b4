"""From returned weights to a model of the suite's own."""

from __future__ import annotations

import pytest
import torch
from linear_task import TASK

from mu_conformance.evidence.call_record import load_state


class TestLoadState:
    def test_weights_that_fit_are_loaded(self):
        model, other = TASK.new_model(0), TASK.new_model(1)
        assert load_state(model, other.state_dict()) == []
        assert torch.equal(model.linear.weight, other.linear.weight)

    @pytest.mark.parametrize(
        ("change", "problems"),
        [
            ({"linear.bias": None}, ["missing linear.bias"]),
            ({"extra": torch.zeros(1)}, ["unexpected extra"]),
            (
                {"linear.bias": None, "_orig_mod.linear.bias": torch.zeros(3)},
                ["1 names begin with '_orig_mod.', torch.compile's prefix: return model._orig_mod"],
            ),
            ({"linear.bias": torch.zeros(4)}, ["linear.bias has shape (4,), expected (3,)"]),
            (
                {"linear.bias": torch.zeros(3, dtype=torch.float64)},
                ["linear.bias has dtype torch.float64, expected torch.float32"],
            ),
            ({"steps": torch.zeros(())}, ["steps has dtype torch.float32, expected torch.int64"]),
            (
                {"linear.bias": None, "model.linear.bias": torch.zeros(3)},
                ["missing linear.bias", "unexpected model.linear.bias"],
            ),
        ],
    )
    def test_what_does_not_fit_is_listed_and_nothing_is_loaded(self, change, problems):
        model = TASK.new_model(0)
        before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        state = {**TASK.new_model(1).state_dict(), **change}
        assert load_state(model, {name: tensor for name, tensor in state.items() if tensor is not None}) == problems
        assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
