"""contract.save-load-roundtrip"""

from __future__ import annotations

import torch
from safetensors.torch import load, save

from mu_conformance.checks.catalogue import Subject, check
from mu_conformance.decision.finding import Finding
from mu_conformance.evidence.contract import Laboratory, LabRequest


@check("contract.save-load-roundtrip", Subject.LABORATORY)
def save_load_roundtrip(laboratory: Laboratory) -> Finding:
    """The returned weights survive saving and loading: same tensors, same outputs, and the model still trains.

    Weights that share or overlap memory, or that no gradient reaches any more, pass for a model until they are used.
    """

    def judge(request: LabRequest) -> Finding:
        record, unusable = laboratory.usable(request)
        if unusable is not None:
            return unusable
        state = {name: tensor.contiguous().clone() for name, tensor in record.call.state.items()}
        loaded = load(save(state))
        changed = [name for name in state if not torch.equal(state[name], loaded[name])]
        if changed:
            return Finding.failed(f"{changed[0]} changes when it is saved and loaded")
        model = laboratory.task.new_model(0, laboratory.architecture)
        model.load_state_dict(loaded)
        laboratory.task.loss(model, laboratory.pool.batch(range(8))).backward()
        if not any(p.grad is not None and bool(p.grad.abs().sum() > 0) for p in model.parameters()):
            return Finding.failed("no parameter of the loaded model has a gradient: it cannot be trained further")
        return Finding.passed()

    return laboratory.for_any_request(judge)
