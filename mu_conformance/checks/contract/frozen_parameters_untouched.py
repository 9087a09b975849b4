"""contract.frozen-parameters-untouched"""

from __future__ import annotations

import dataclasses

import torch

from mu_conformance.checks.catalogue import check
from mu_conformance.decision.finding import Finding
from mu_conformance.evidence.contract import ContractHarness, ContractRequest


@check("contract.frozen-parameters-untouched", ContractHarness)
def frozen_parameters_untouched(harness: ContractHarness) -> Finding:
    """Parameters that do not require gradients come back bit for bit.

    **Why.** A caller freezes parameters to keep them as they are, for example a backbone under a trainable head.

    **Decision.** Calls are made with part of the parameters frozen, on requests drawn by Hypothesis. Every frozen
    tensor must equal the original's; no difference is tolerated.

    **Level.** MUST: a changed frozen parameter harms what the caller owns.

    **If it fails.** Frozen weights were changed. A usual cause is weight decay, which moves a parameter whose gradient
    is zero but not absent.

    **Try.** Give the optimiser only parameters with ``requires_grad``. Build fresh models with
    ``request.task.new_model(seed)``, which keeps frozen parameters as they are in the original.

    **References.** None.
    """
    original = harness.original.state_dict()

    def judge(request: ContractRequest) -> Finding:
        record, unusable = harness.usable(dataclasses.replace(request, freeze=True))
        if unusable is not None:
            return unusable
        moved = [name for name in harness.frozen_names() if not torch.equal(record.call.state[name], original[name])]
        if moved:
            return Finding.failed(f"{len(moved)} frozen parameters were changed, {moved[0]} among them")
        return Finding.passed()

    return harness.for_any_request(judge)
