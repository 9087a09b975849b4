"""contract.save-load-roundtrip"""

from __future__ import annotations

import torch
from safetensors.torch import load, save

from mu_conformance.checks.catalogue import check
from mu_conformance.decision.finding import Finding
from mu_conformance.evidence.contract import ContractHarness, ContractRequest


@check("contract.save-load-roundtrip", ContractHarness)
def save_load_roundtrip(harness: ContractHarness) -> Finding:
    """The returned weights survive saving and loading: the tensors are the same, and the model still trains.

    **Why.** Weights that share or overlap memory pass for a model until they are used. So do weights that no gradient
    reaches any more.

    **Decision.** The weights of calls on requests drawn by Hypothesis are saved and loaded with safetensors. Every
    loaded tensor must equal the saved one; no difference is tolerated. After a backward pass of the loaded model, at
    least one parameter must have a gradient other than zero.

    **Level.** MUST: weights that cannot be stored or trained further are unusable.

    **If it fails.** A changed tensor points to shared or overlapping memory. A missing gradient points to weights that
    cut the path to the loss, such as a layer of zeros.

    **Try.** Return the parameters of an ordinary model, each with memory of its own. Leave no layer of zeros.

    **References.** None.
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
