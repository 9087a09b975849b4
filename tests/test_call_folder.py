"""What of a call is handed to the method's process, and read there."""

from __future__ import annotations

import os

import pytest
import torch
from linear_task import TASK, rows_of

from mu_conformance.isolation.call import CallInput, CallSpec
from mu_conformance.isolation.memory_files import read_tensors
from mu_conformance.protocol.recipe import TrainingRecipe
from mu_conformance.protocol.request import Budget


class TestCallInput:
    @pytest.mark.parametrize("retain", [rows_of(6), None])
    def test_a_call_survives_the_way(self, retain):
        spec = CallSpec(
            "mod:Task", "linear", TrainingRecipe(2, 4, 0.1, warmup=0.1),
            dict(TASK.new_model(0).state_dict()), rows_of(3),
            retain, 7, 8, "cpu", Budget(1.5, 20), ("linear.bias",),
        )  # fmt: skip
        call = CallInput.of(spec, {"method_ref": "a:B"})
        read = call.spec()
        assert read.header() == spec.header()
        assert call.header["method_ref"] == "a:B"
        assert all(torch.equal(read.state[name], tensor) for name, tensor in spec.state.items())
        assert read.forget.digest() == spec.forget.digest()
        assert (read.retain is None) == (retain is None)
        assert retain is None or read.retain.digest() == retain.digest()
        call.close()

    def test_no_rows_at_all_survive_it_too(self):
        spec = CallSpec("mod:Task", "linear", TrainingRecipe(1, 1, 1.0), {}, rows_of(3).select([]), None, 0)
        call = CallInput.of(spec, {})
        assert len(call.spec().forget) == 0
        assert call.reads() == {"forget": {"rows": 0, "draws": 0, "of": 0}}
        call.close()

    def test_what_was_not_claimed_is_not_written(self):
        spec = CallSpec(
            "mod:Task", "linear", TrainingRecipe(1, 1, 1.0), {}, rows_of(3), rows_of(2), 0, reads_labels=False
        )
        call = CallInput.of(spec, {})
        assert [sorted(read_tensors(call.part(name))) for name in ("forget", "retain")] == [["x"], ["x"]]
        call.close()

    def test_reads_are_told_part_by_part(self):
        spec = CallSpec("mod:Task", "linear", TrainingRecipe(1, 1, 1.0), {}, rows_of(2), rows_of(3), 0)
        call = CallInput.of(spec, {})
        assert [first for _, _, first in call.places().values()] == [0, 2]
        os.pwrite(call.part("counters"), (4).to_bytes(8, "little"), 8 * 2)
        assert call.reads()["retain"] == {"rows": 1, "draws": 4, "of": 3}
        assert call.reads()["forget"] == {"rows": 0, "draws": 0, "of": 2}
        call.close()
