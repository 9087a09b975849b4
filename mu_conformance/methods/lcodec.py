"""L-CODEC: take a Newton step in the few units that the forget rows' loss depends on (Mehta et al. 2022)."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from mu_conformance.methods.parts.dependence import markov_blanket
from mu_conformance.methods.parts.tuning import tuned_defaults
from mu_conformance.protocol.claims import Claims
from mu_conformance.protocol.request import DeletionRequest

__all__ = ["LCODEC"]


@tuned_defaults
class LCODEC:
    """Takes a Newton step in the weights of the units that the forget rows' loss depends on.

    theta_P + m / (n - m) (H_P + l2 I)^-1 grad_P L(theta; forget), where m of n rows are to be forgotten. Source: Mehta
    et al., CVPR 2022, arXiv 2204.07655, with the update of Sekhari et al. 2021. All weights outside P stay unchanged,
    bit for bit. P are the weights of units of linear and convolution layers, selected by FOCI. The forget rows are
    perturbed, and each unit's mean activation is compared with the loss.

    H_P is the empirical Fisher information of the retain rows. The paper uses finite differences between its training
    checkpoints instead. The paper's noise on the weights is left out, because no (epsilon, delta) is claimed. Reads
    both sets and their labels. Defined where there are classes.

    Args:
        perturbations: perturbed copies of the forget set, at least 2; 1000 in the paper.
        noise: standard deviation of the Gaussian noise on numbers, above 0. In texts, one word of each row is replaced
            by a word of another row.
        most_units: largest number of units selected, at least 1.
        l2: damping of H_P, above 0.
    """

    claims = Claims(max_ratio=1.0, requires=("classes",))
    search = {"most_units": (20, 60), "l2": (0.001, 0.01, 0.1)}

    def __init__(self, perturbations: int = 100, noise: float = 0.1, most_units: int = 20, l2: float = 0.01) -> None:
        if perturbations < 2:
            raise ValueError(f"perturbations must be at least 2, got {perturbations}")
        if most_units < 1:
            raise ValueError(f"most_units must be at least 1, got {most_units}")
        for name, value in (("noise", noise), ("l2", l2)):
            if not 0 < value < float("inf"):
                raise ValueError(f"{name} must lie in (0, inf), got {value}")
        self.perturbations, self.noise, self.most_units, self.l2 = perturbations, noise, most_units, l2

    def unlearn(self, model, request: DeletionRequest):
        found, task = copy.deepcopy(model).eval(), request.task
        layers = _layers(found)
        deleted, kept = len(request.forget), 0 if request.retain is None else len(request.retain)
        if not (layers and deleted and kept):
            return found
        with request.seeded() as generator:
            units = self._units(found, layers, request, generator)
        chosen = {layer: [unit for at, unit in units if at == layer] for layer in sorted({at for at, _ in units})}
        weights = [p for at in chosen for p in layers[at].parameters(recurse=False) if p.requires_grad]
        rows_of = [
            torch.tensor(chosen[at]) for at in chosen for p in layers[at].parameters(recurse=False) if p.requires_grad
        ]

        def gradient(row: dict[str, torch.Tensor]) -> torch.Tensor:
            batch = {name: column[None].to(request.device) for name, column in row.items()}
            parts = torch.autograd.grad(task.loss(found, batch), weights)
            return torch.cat([part[some].flatten() for part, some in zip(parts, rows_of, strict=True)]).double()

        def gradients(dataset: Any) -> torch.Tensor:
            return torch.stack([gradient(dataset[row]) for row in range(len(dataset))])

        others = gradients(request.retain)
        wanted = gradients(request.forget).mean(dim=0)
        # (G' G / n + l2 I)^-1 v by Woodbury's identity, because there are fewer rows than weights.
        inner = others @ others.T
        inner.diagonal().add_(kept * self.l2)
        step = deleted / kept * (wanted - others.T @ torch.linalg.solve(inner, others @ wanted)) / self.l2
        with torch.no_grad():
            parts = step.split([weight[some].numel() for weight, some in zip(weights, rows_of, strict=True)])
            for weight, some, part in zip(weights, rows_of, parts, strict=True):
                weight[some] += part.view(weight[some].shape).to(weight)
        return found

    @torch.no_grad()
    def _units(self, model, layers, request, generator) -> list[tuple[int, int]]:
        """Return the units that the loss depends on, as (number of the layer, number of the unit)."""
        rows = request.task.collate([request.forget[row] for row in range(len(request.forget))])
        losses, activations = [], []
        for _ in range(self.perturbations):
            batch = {name: column.to(request.device) for name, column in self._perturbed(rows, generator).items()}
            with _mean_outputs(layers) as outputs:
                losses.append(request.task.loss(model, batch).cpu())
            activations.append(torch.cat([torch.stack(outputs[at]).mean(dim=0).cpu() for at in sorted(outputs)]))
        names = [(at, unit) for at in sorted(outputs) for unit in range(len(outputs[at][0]))]
        blanket = markov_blanket(torch.stack(losses), torch.stack(activations), self.most_units)
        return [names[column] for column in blanket]

    def _perturbed(self, rows: dict[str, torch.Tensor], generator: torch.Generator) -> dict[str, torch.Tensor]:
        """Return a copy of the rows with noise on numbers, and with one word of each text replaced by another row's."""
        found = dict(rows)
        for name, column in rows.items():
            if column.is_floating_point():
                found[name] = column + self.noise * torch.randn(column.shape, generator=generator)
        if "input_ids" in rows:
            ids = rows["input_ids"].clone()
            lengths = rows.get("attention_mask", torch.ones_like(ids)).sum(dim=-1)
            count = torch.arange(len(ids))
            place = (torch.rand(len(ids), generator=generator) * lengths).long()
            other = torch.randint(len(ids), (len(ids),), generator=generator)
            ids[count, place] = ids[other, (torch.rand(len(ids), generator=generator) * lengths[other]).long()]
            found["input_ids"] = ids
        return found


def _layers(model: nn.Module) -> list[nn.Module]:
    """Return the linear and convolution layers with trainable parameters, whose first axis is the unit."""
    kinds = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
    return [
        module
        for module in model.modules()
        if isinstance(module, kinds) and any(p.requires_grad for p in module.parameters(recurse=False))
    ]


@contextlib.contextmanager
def _mean_outputs(layers: list[nn.Module]) -> Iterator[dict[int, list[torch.Tensor]]]:
    """Record each layer's mean output per unit, [units] for each call of the layer inside the block."""
    seen: dict[int, list[torch.Tensor]] = {}

    def keep(at: int):
        def hook(module: nn.Module, _inputs: Any, output: torch.Tensor) -> None:
            by_unit = output.movedim(-1 if isinstance(module, nn.Linear) else 1, 0)
            seen.setdefault(at, []).append(by_unit.flatten(1).mean(dim=1))

        return hook

    hooks = [layer.register_forward_hook(keep(at)) for at, layer in enumerate(layers)]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()
