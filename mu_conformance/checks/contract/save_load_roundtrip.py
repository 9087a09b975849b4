"""contract.save-load-roundtrip"""

from __future__ import annotations

import torch
from safetensors.torch import load, save

from mu_conformance.checks.catalogue import check
from mu_conformance.decision.finding import Finding
from mu_conformance.evidence.contract import ContractHarness, ContractRequest


@check("contract.save-load-roundtrip", ContractHarness)
def save_load_roundtrip(harness: ContractHarness) -> Finding:
    """The returned weights survive saving and loading: same tensors, same outputs, and the model still trains.

    Weights that share or overlap memory, or that no gradient reaches any more, pass for a model until they are used.
    """

    def judge(request: ContractRequest) -> Finding:
        record, unusable = harness.usable(request)
        if unusable is not None:
            return unusable
        state = {name: tensor.contiguous().clone() for name, tensor in record.call.state.items()}
        loaded = load(save(state))
        changed = [name for name in state if not torch.equal(state[name], loaded[name])]
        if changed:
            return Finding.failed(f"{changed[0]} changes when it is saved and loaded")
        model = harness.task.new_model(0, harness.architecture)
        model.load_state_dict(loaded)
        harness.task.loss(model, harness.pool.batch(range(8))).backward()
        if not any(p.grad is not None and bool(p.grad.abs().sum() > 0) for p in model.parameters()):
            return Finding.failed("no parameter of the loaded model has a gradient: it cannot be trained further")
        return Finding.passed()

    return harness.for_any_request(judge)
