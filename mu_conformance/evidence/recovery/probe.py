"""Linear probe: the last layer is fitted anew to what the layers before it give (Alain & Bengio 2016, arXiv 1610.01644), which
shows what they still hold where a method has changed the last layer alone."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

from mu_conformance.conditions.shards import ShardedEnsemble
from mu_conformance.evidence.recovery import recovery_attack
from mu_conformance.evidence.representations import last_layer, representations

if TYPE_CHECKING:
    from mu_conformance.scenarios.scenario import Scenario

__all__ = ["probed", "ridge"]

PENALTY = 1e-2
SCALE = 10.0
"""Of the logits: those of a regression on 0 and 1 are too close together for a softmax to tell rows apart."""


@recovery_attack("probed", needs=("classes",), penalty=PENALTY, scale=SCALE)
def probed(model: nn.Module, scenario: Scenario) -> nn.Module:
    """The last linear layer by ridge regression on the retain rows' classes; a model that ends otherwise stays as it is."""
    found = copy.deepcopy(model)
    for member in found.members if isinstance(found, ShardedEnsemble) else [found]:
        _refit(member, scenario)
    return found


@torch.no_grad()
def _refit(model: nn.Module, scenario: Scenario) -> None:
    task, retain = scenario.task, scenario.retain
    head = last_layer(model, task, retain)
    if not isinstance(head, nn.Linear) or head.out_features != task.num_classes:
        return
    features = representations(model, task, retain)
    if features.shape[1] != head.in_features:  # a head on every token, and no one row of features
        return
    wanted = functional.one_hot(retain.labels, head.out_features).double()
    weight, bias = ridge(features.double(), wanted, PENALTY, intercept=head.bias is not None)
    head.weight.copy_(SCALE * weight)
    if head.bias is not None:
        head.bias.copy_(SCALE * bias)
    _silence_adapters(model, head)


def _silence_adapters(model: nn.Module, layer: nn.Linear) -> None:
    """What an adapter adds to a layer is set to 0."""
    for adapted in model.modules():
        if getattr(adapted, "base_layer", None) is layer:
            for parameter in adapted.get_submodule("lora_B").parameters():
                parameter.zero_()


def ridge(
    features: torch.Tensor, wanted: torch.Tensor, penalty: float, *, intercept: bool = True
) -> tuple[torch.Tensor, torch.Tensor]:
    """Ridge regression: weight [k, d] and bias [k] from features [n, d] to what is wanted [n, k].

    Minimises the squared error summed over rows plus ``penalty`` n times the features' mean variance times the squared
    weights; the intercept is free, or 0. Features that are all alike give weights of 0. ``ValueError`` for a penalty
    that is not above 0.
    """
    if not penalty > 0:
        raise ValueError(f"the penalty must be above 0, got {penalty}")
    zero_x, zero_y = torch.zeros_like(features[0]), torch.zeros_like(wanted[0])
    middle_x, middle_y = (features.mean(dim=0), wanted.mean(dim=0)) if intercept else (zero_x, zero_y)
    x, y = features - middle_x, wanted - middle_y
    strength = penalty * float(x.square().sum()) / x.shape[1]
    if strength == 0 or (intercept and bool((features == features[0]).all())):
        return torch.zeros(wanted.shape[1], features.shape[1], dtype=features.dtype), middle_y
    gram = x.T @ x + strength * torch.eye(x.shape[1], dtype=x.dtype)
    weight = torch.linalg.solve(gram, x.T @ y).T
    return weight, middle_y - weight @ middle_x
