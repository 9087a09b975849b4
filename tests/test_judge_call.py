"""What is recorded of a call: whether its weights fit, and whether they explain its outputs."""

from __future__ import annotations

import pytest
import torch
from linear_task import TASK, rows_of
from torch import nn

from mu_conformance.evidence.call_record import judge_call
from mu_conformance.isolation.call import CallResult, CallSpec
from mu_conformance.protocol.recipe import TrainingRecipe
from mu_conformance.tasks import Rows


def call_of(model: nn.Module, forget: Rows, retain: Rows | None, **changes) -> CallResult:
    probes = [model(x=rows.columns["x"]).logits.detach() for rows in (forget, retain) if rows is not None]
    fields = {"state": dict(model.state_dict()), "probe": torch.cat(probes), **changes}
    return CallResult("returned", **fields)


class TestJudgeCall:
    forget, retain = rows_of(4), rows_of(10)

    def judge(self, call: CallResult, retain: Rows | None = retain):
        state = dict(TASK.new_model(5).state_dict())
        spec = CallSpec(TASK.ref, "linear", TrainingRecipe(1, 4, 0.1), state, self.forget, retain, seed=0)
        return judge_call(call, TASK, spec)

    @pytest.mark.parametrize("kept", [retain, None])
    def test_an_honest_call_explains_its_outputs(self, kept):
        returned = TASK.new_model(5)
        record, model = self.judge(call_of(returned, self.forget, kept), kept)
        assert record.problems() == ()
        assert record.weights_gap == pytest.approx(0, abs=1e-6)
        assert model is not returned

    def test_the_weights_are_judged_after_rounding_and_recorded_before(self):
        returned = TASK.new_model(5)
        returned.linear.bias.data[:] = torch.tensor([1 + 2**-11 + 2**-20, 2.0, -1 - 2**-20])
        record, model = self.judge(call_of(returned, self.forget, self.retain))
        assert model.linear.bias.tolist() == [1 + 2**-10, 2.0, -1.0]
        assert record.judged["linear.bias"].tolist() == [1 + 2**-10, 2.0, -1.0]
        assert torch.equal(record.call.state["linear.bias"], returned.linear.bias)
        # The returned object is compared with its own weights.
        assert record.weights_gap == pytest.approx(0, abs=1e-6)
        assert record.batch_size == 4

    @pytest.mark.parametrize("row", [0, 13])
    def test_an_output_filter_shows_as_a_gap(self, row):
        # Rows 0-3 of the probe are forget rows, 4-13 retain rows; the filter adds 0.5 to one logit.
        call = call_of(TASK.new_model(5), self.forget, self.retain)
        call.probe[row, 1] += 0.5
        record, _ = self.judge(call)
        assert record.weights_gap == pytest.approx(0.5, abs=1e-5)

    def test_outputs_of_another_shape_cannot_be_compared(self):
        record, _ = self.judge(call_of(TASK.new_model(5), self.forget, self.retain, probe=torch.zeros(14, 2)))
        assert record.weights_gap is None

    def test_weights_that_do_not_fit_give_no_model(self):
        record, model = self.judge(call_of(TASK.new_model(5), self.forget, self.retain, state={"w": torch.zeros(1)}))
        assert model is None
        assert "unexpected w" in record.problems()
        assert record.weights_gap is None

    @pytest.mark.parametrize("value", [float("nan"), float("inf")])
    def test_weights_that_are_not_finite_are_named(self, value):
        returned = TASK.new_model(5)
        returned.linear.bias.data[1] = value
        record, _ = self.judge(call_of(returned, self.forget, self.retain))
        assert record.not_finite == ("linear.bias",)
        assert record.problems() == ("NaN or infinite values in linear.bias",)

    @pytest.mark.parametrize("status", ["unusable", "raised", "escaped", "killed", "timeout"])
    def test_a_call_without_weights_says_why(self, status):
        record, model = self.judge(CallResult(status, "as it ended"))
        assert model is None
        assert record.problems() == (f"{status}: as it ended",)
