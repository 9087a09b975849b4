"""Random labels: train on with wrong labels on the forget set (Graves et al. 2021; Golatkar et al. 2020)."""

from __future__ import annotations

import copy

import torch

from mu_conformance.protocol import Claims, DeletionRequest
from mu_conformance.training import fit

__all__ = ["RandomLabel"]


class _Relabelled:
    """Retain rows as they are, then forget rows with labels drawn anew; the handed rows are never written to."""

    def __init__(self, retain, forget, labels: torch.Tensor) -> None:
        self.retain, self.forget, self.labels = retain, forget, labels

    def __len__(self) -> int:
        return len(self.retain) + len(self.forget)

    def __getitem__(self, index: int):
        if index < len(self.retain):
            return self.retain[index]
        position = index - len(self.retain)
        return {**self.forget[position], "labels": self.labels[position]}


class RandomLabel:
    """Minimise L(theta; retain) + L(theta; forget with a label drawn uniformly from the other classes).

    Reads both sets and their labels. Undefined where there are no classes to choose from.
    """

    claims = Claims(max_ratio=1.0, requires=("classes",))

    def __init__(self, epochs_share: float = 0.3, learning_rate_share: float = 0.3) -> None:
        self.epochs_share, self.learning_rate_share = epochs_share, learning_rate_share

    def unlearn(self, model, request: DeletionRequest):
        recipe = request.recipe.further(self.epochs_share, self.learning_rate_share)
        classes = request.task.num_classes
        if classes is None or classes < 2:
            raise ValueError(f"random labels need classes to choose from; task {request.task.name} has none")
        with request.seeded() as generator:
            true = torch.tensor([int(request.forget[row]["labels"]) for row in range(len(request.forget))])
            shift = torch.randint(1, classes, (len(true),), generator=generator)
            wrong = (true + shift).remainder(classes) if len(true) else true
            rows = _Relabelled(request.retain, request.forget, wrong)
            return fit(copy.deepcopy(model), rows, request.task, recipe, request.seed)
