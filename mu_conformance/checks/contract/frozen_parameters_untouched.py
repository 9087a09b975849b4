"""contract.frozen-parameters-untouched"""

from __future__ import annotations

import dataclasses

import torch

from mu_conformance.checks.catalogue import Subject, check
from mu_conformance.decision.finding import Finding
from mu_conformance.evidence.contract import Laboratory, LabRequest


@check("contract.frozen-parameters-untouched", Subject.LABORATORY)
def frozen_parameters_untouched(laboratory: Laboratory) -> Finding:
    """Parameters that do not require gradients come back bit for bit.

    Weight decay moves a parameter whose gradient is zero but not absent: give the optimiser only parameters with
    ``requires_grad``. ``request.task.new_model(seed)`` keeps frozen parameters as they are in the original.
    """
    original = laboratory.original.state_dict()

    def judge(request: LabRequest) -> Finding:
        record, unusable = laboratory.usable(dataclasses.replace(request, freeze=True))
        if unusable is not None:
            return unusable
        moved = [name for name in laboratory.frozen_names() if not torch.equal(record.call.state[name], original[name])]
        if moved:
            return Finding.failed(f"{len(moved)} frozen parameters were changed, {moved[0]} among them")
        return Finding.passed()

    return laboratory.for_any_request(judge)
