"""The folder through which a call goes to the method's process and back."""

from __future__ import annotations

import pytest
import torch
from linear_task import TASK, rows_of

from mu_conformance.isolation.call import CallFolder, CallSpec
from mu_conformance.protocol.recipe import TrainingRecipe
from mu_conformance.protocol.request import Budget


class TestJobFolder:
    @pytest.mark.parametrize("retain", [rows_of(6), None])
    def test_a_call_survives_the_folder(self, tmp_path, retain):
        spec = CallSpec(
            "mod:Task", "linear", TrainingRecipe(2, 4, 0.1, warmup=0.1),
            dict(TASK.new_model(0).state_dict()), rows_of(3),
            retain, 7, 8, "cpu", Budget(1.5, 20), ("linear.bias",),
        )  # fmt: skip
        job = CallFolder(tmp_path / "job")
        job.write(spec, {"method_ref": "a:B"})
        read, header = CallFolder(tmp_path / "job").read_spec()
        assert read.header() == spec.header()
        assert header["method_ref"] == "a:B"
        assert all(torch.equal(read.state[name], tensor) for name, tensor in spec.state.items())
        assert read.forget.digest() == spec.forget.digest()
        assert (read.retain is None) == (retain is None)
        assert retain is None or read.retain.digest() == retain.digest()
        assert {path.suffix for path in job.path.iterdir() if path.is_file()} == {".json", ".safetensors"}

    def test_no_rows_at_all_survive_it_too(self, tmp_path):
        spec = CallSpec("mod:Task", "linear", TrainingRecipe(1, 1, 1.0), {}, rows_of(3).select([]), None, 0)
        job = CallFolder(tmp_path / "job")
        job.write(spec, {})
        assert len(job.read_spec()[0].forget) == 0
