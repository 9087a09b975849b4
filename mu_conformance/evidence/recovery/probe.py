"""Fit the last layer anew to the output of the layers before it: a linear probe.

See Alain & Bengio 2016, arXiv 1610.01644. The probe shows what these layers still hold where a method changed only the
last one.
"""

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
"""Penalty of the ridge regression (``ridge``)."""
SCALE = 10.0
"""Factor of the logits; a regression on 0 and 1 alone leaves them too close together for a softmax."""


@recovery_attack("probed", needs=("classes",), penalty=PENALTY, scale=SCALE)
def probed(model: nn.Module, scenario: Scenario) -> nn.Module:
    """Return a copy with the last linear layer fitted by ridge regression to the retain rows' classes.

    A model that ends in another layer is not changed.
    """
    found = copy.deepcopy(model)
    for member in found.members if isinstance(found, ShardedEnsemble) else [found]:
        _refit(member, scenario)
    return found


@torch.no_grad()
def _refit(model: nn.Module, scenario: Scenario) -> None:
    """Fit the last layer of one model, in place."""
    task, retain = scenario.task, scenario.retain
    head = last_layer(model, task, retain)
    if not isinstance(head, nn.Linear) or head.out_features != task.num_classes:
        return
    features = representations(model, task, retain)
    if features.shape[1] != head.in_features:  # the head runs on every token, so a row has no single features
        return
    wanted = functional.one_hot(retain.labels, head.out_features).double()
    weight, bias = ridge(features.double(), wanted, PENALTY, intercept=head.bias is not None)
    head.weight.copy_(SCALE * weight)
    if head.bias is not None:
        head.bias.copy_(SCALE * bias)
    _silence_adapters(model, head)


def _silence_adapters(model: nn.Module, layer: nn.Linear) -> None:
    """Set what an adapter adds to a layer to 0."""
    for adapted in model.modules():
        if getattr(adapted, "base_layer", None) is layer:
            for parameter in adapted.get_submodule("lora_B").parameters():
                parameter.zero_()


def ridge(
    features: torch.Tensor, wanted: torch.Tensor, penalty: float, *, intercept: bool = True
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the weight [k, d] and bias [k] of a ridge regression.

    The fit minimises the squared error summed over rows plus the penalty: ``penalty`` times n times the features' mean
    variance times the squared weights. Features that are all alike give weights of 0.

    Raises ``ValueError`` for a penalty that is not above 0.

    Args:
        features: inputs, [n, d].
        wanted: targets, [n, k].
        penalty: strength of the penalty, above 0.
        intercept: True for a free bias, False for 0.
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
