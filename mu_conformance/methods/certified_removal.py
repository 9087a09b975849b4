"""Certified removal: take Newton steps to the retain set's optimum, then hide the rest by noise (Guo et al. 2020)."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping

import torch
from torch import nn
from torch.func import functional_call, grad, jacrev

from mu_conformance.protocol.claims import Claims, Guarantee
from mu_conformance.protocol.request import DeletionRequest

__all__ = ["CertifiedRemoval"]


class CertifiedRemoval:
    """Takes Newton steps towards the retain set's optimum, then adds noise that hides the remaining distance.

    The update is theta - H^-1 grad L(theta; retain) + sigma z, with z ~ N(0, I) and H the Hessian of L(theta; retain).
    The loss must be strongly convex (Guo et al., ICML 2020, arXiv 1911.03030). The noise is added to the result, as in
    Sekhari et al. 2021 (arXiv 2103.03279), because the original was trained without any.

    Before the noise, theta lies at most r = |grad L(theta; retain)| / mu from the retain set's optimum theta*. Here mu
    is the smallest curvature of the loss. The noise has sigma = r sqrt(2 ln(1.25 / delta)) / epsilon, by theorem A.1 of
    Dwork and Roth 2014, for epsilon in (0, 1). The result is then (epsilon, delta)-indistinguishable from theta* with
    the same noise.

    In the code mu is the smallest eigenvalue of H. This is the loss's smallest curvature everywhere if the L2 term
    alone provides it. The L2 term does so in directions along which no row differs, and two logits for two classes
    always have such directions.

    Each step about squares r. The paper takes one step, after which the noise here would be many times as large as the
    weights. Reads the retain set and its labels. Defined where the loss is convex.

    Args:
        epsilon: epsilon of the claim, in (0, 1).
        delta: delta of the claim, in (0, 1).
        steps: Newton steps, at least 1.
    """

    def __init__(self, epsilon: float = 0.5, delta: float = 1e-5, steps: int = 3) -> None:
        for name, value in (("epsilon", epsilon), ("delta", delta)):
            if not 0 < value < 1:
                raise ValueError(f"{name} must lie in (0, 1), got {value}")
        if steps < 1:
            raise ValueError(f"steps must be at least 1, got {steps}")
        self.epsilon, self.delta, self.steps = epsilon, delta, steps
        self.claims = Claims(Guarantee.EPSILON_DELTA, max_ratio=1.0, requires=("convex",), epsilon=epsilon, delta=delta)

    def unlearn(self, model, request: DeletionRequest):
        found, distance = self.removed(model, request)
        deviation = distance * math.sqrt(2 * math.log(1.25 / self.delta)) / self.epsilon
        with request.seeded() as generator, torch.no_grad():
            for parameter in found.parameters():
                if parameter.requires_grad:
                    parameter.add_(deviation * torch.randn(parameter.shape, generator=generator).to(parameter))
        return found

    def removed(self, model: nn.Module, request: DeletionRequest) -> tuple[nn.Module, float]:
        """Return the model after the Newton steps, without noise, and the bound on its l2 distance from the optimum.

        The steps are computed in float64. The returned model has its own dtype, and the bound includes the rounding to
        it. Without retain rows, the model is returned unchanged.

        Raises:
            ValueError: the loss is not strongly convex.
        """
        found = copy.deepcopy(model).eval()
        if request.retain is None or not len(request.retain):
            return found, 0.0
        with request.seeded():
            (rows,) = request.task.loader(request.retain, len(request.retain), shuffle=False)
        precise = _Loss(copy.deepcopy(found).double(), request.task)
        batch = {name: _double(column.to(request.device)) for name, column in rows.items()}
        names = [name for name, p in precise.named_parameters() if p.requires_grad]
        shapes = [precise.get_parameter(name).shape for name in names]

        def loss(flat: torch.Tensor) -> torch.Tensor:
            parts = flat.split([shape.numel() for shape in shapes])
            given = {name: part.view(shape) for name, part, shape in zip(names, parts, shapes, strict=True)}
            return functional_call(precise, given, (batch,))

        # Reverse mode twice: forward over reverse (torch.func.hessian) takes 25 times as long on a linear model.
        slope, bend = grad(loss), jacrev(grad(loss))
        theta = torch.cat([precise.get_parameter(name).detach().flatten() for name in names])
        for step in range(self.steps + 1):
            curvatures = torch.linalg.eigvalsh(curvature := bend(theta))
            # A curvature within rounding of 0 gives no bound.
            if not curvatures[0] > 1e-10 * curvatures[-1]:
                raise ValueError(
                    f"certified removal needs a strongly convex loss; its least curvature is {curvatures[0].item():.2g}"
                )
            if step < self.steps:
                theta = theta - torch.linalg.solve(curvature, slope(theta))
        remaining = slope(theta).norm().item()
        parts = theta.split([shape.numel() for shape in shapes])
        state = dict(found.named_parameters())
        with torch.no_grad():
            for name, part, shape in zip(names, parts, shapes, strict=True):
                state[name.removeprefix("model.")].copy_(part.view(shape))
            stored = torch.cat([state[name.removeprefix("model.")].double().flatten() for name in names])
        return found, remaining / curvatures[0].item() + (stored - theta).norm().item()


class _Loss(nn.Module):
    """Wraps the task's loss of a model as a module, so that it can be evaluated at any parameters."""

    def __init__(self, model: nn.Module, task) -> None:
        super().__init__()
        self.model, self.task = model, task

    def forward(self, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        return self.task.loss(self.model, batch)


def _double(column: torch.Tensor) -> torch.Tensor:
    return column.double() if column.is_floating_point() else column
