"""SSD: dampen weights that matter far more for the forget set than for all rows (Foster et al. 2024)."""

from __future__ import annotations

import copy
from typing import Any

import torch

from mu_conformance.methods.parts.saliency import mean_squared_gradient
from mu_conformance.methods.parts.tuning import tuned_defaults
from mu_conformance.protocol.claims import Claims
from mu_conformance.protocol.request import DeletionRequest

__all__ = ["SSD"]


@tuned_defaults
class SSD:
    """Dampens weights that matter far more for the forget set than for all rows (selective synaptic dampening).

    Where F_forget > alpha F_all, theta becomes min(lambda F_all / F_forget, 1) theta. All other weights stay unchanged,
    bit for bit. Source: Foster et al., AAAI 2024, arXiv 2308.07707, equations 4 and 5. F is the diagonal of the
    empirical Fisher information: the mean over rows of each row's squared gradient of the task's loss. F_all is over
    forget and retain rows together. Trains nothing and draws no random numbers. Reads both sets and their labels.

    Args:
        alpha: threshold of selection, at least 0. The default is the paper's for ResNet-18.
        dampening: lambda, at least 0. The default is the paper's for ResNet-18.
    """

    claims = Claims(max_ratio=1.0)
    search = {"alpha": (1.5, 3.0, 10.0), "dampening": (0.3, 1.0)}

    def __init__(self, alpha: float = 10.0, dampening: float = 1.0) -> None:
        for name, value in (("alpha", alpha), ("dampening", dampening)):
            if not 0 <= value < float("inf"):
                raise ValueError(f"{name} must lie in [0, inf), got {value}")
        self.alpha, self.dampening = alpha, dampening

    def unlearn(self, model, request: DeletionRequest):
        found, task = copy.deepcopy(model), request.task
        retain: Any = request.retain
        with request.seeded():
            forget = mean_squared_gradient(found, request.forget, task.loss)
            others = mean_squared_gradient(found, retain, task.loss)
        deleted, kept = len(request.forget), len(retain)
        with torch.no_grad():
            for name, parameter in found.named_parameters():
                if name not in forget or deleted == 0:
                    continue
                both = (deleted * forget[name] + kept * others[name]) / (deleted + kept)
                chosen = forget[name] > self.alpha * both
                factor = (self.dampening * both / forget[name]).clamp(max=1.0)
                parameter.copy_(torch.where(chosen, factor * parameter, parameter))
        return found.eval()
