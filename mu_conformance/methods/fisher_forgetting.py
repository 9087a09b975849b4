"""Fisher forgetting: add noise to weights that the retain set does not need (Golatkar et al. 2020)."""

from __future__ import annotations

import copy

import torch
from torch.nn import functional

from mu_conformance.methods.parts.saliency import mean_squared_gradient
from mu_conformance.methods.parts.tuning import tuned_defaults
from mu_conformance.protocol.claims import Claims
from mu_conformance.protocol.request import DeletionRequest

__all__ = ["FisherForgetting"]


@tuned_defaults
class FisherForgetting:
    """Adds noise to the weights, more of it where the retain set needs a weight less.

    theta + (lambda sigma^2)^(1/4) F^(-1/4) epsilon, epsilon ~ N(0, 1) for each weight. Source: Golatkar et al.,
    "Eternal Sunshine of the Spotless Net", CVPR 2020, arXiv 1911.04933. F is the diagonal of the Fisher information on
    the retain set, with each row's label sampled from the model itself. Reads the retain set and no labels. Never looks
    at the forget set. Defined where there are classes.

    Args:
        noise: the first factor, (lambda sigma^2)^(1/4), above 0.
        largest_deviation: upper bound on the noise's standard deviation, above 0. Without it, a weight that no retain
            row needs would get unbounded noise.
    """

    claims = Claims(max_ratio=1.0, requires=("classes",), reads_labels=False)
    search = {"noise": (0.0001, 0.001, 0.01), "largest_deviation": (0.01, 0.03, 0.1)}

    def __init__(self, noise: float = 1e-3, largest_deviation: float = 0.03) -> None:
        for name, value in (("noise", noise), ("largest_deviation", largest_deviation)):
            if not 0 < value < float("inf"):
                raise ValueError(f"{name} must lie in (0, inf), got {value}")
        self.noise, self.largest_deviation = noise, largest_deviation

    def deviations(self, fisher: torch.Tensor) -> torch.Tensor:
        """Return the standard deviation of each weight's noise, given the Fisher information on it; both of the same
        shape.
        """
        return (self.noise * fisher.pow(-0.25)).clamp(max=self.largest_deviation)

    def unlearn(self, model, request: DeletionRequest):
        found, task = copy.deepcopy(model), request.task
        with request.seeded() as generator:

            def surprise(current, batch):
                logits = task.logits(current, batch)
                chances = logits.detach().softmax(dim=-1).cpu()
                drawn = torch.multinomial(chances, 1, generator=generator)[:, 0]
                return functional.cross_entropy(logits, drawn.to(logits.device))

            fisher = mean_squared_gradient(found, request.retain, surprise)
            with torch.no_grad():
                for name, parameter in found.named_parameters():
                    if name in fisher and len(request.forget):
                        drawn = torch.randn(parameter.shape, generator=generator).to(parameter)
                        parameter.add_(self.deviations(fisher[name]) * drawn)
        return found.eval()
