"""Put other labels on forget rows."""

from __future__ import annotations

from typing import Any

import torch

from mu_conformance.methods.parts.prompts import Reprompted, other_prompts, prompted_otherwise
from mu_conformance.protocol.request import DeletionRequest
from mu_conformance.training.loop import Loss

__all__ = ["Relabelled", "other_labels", "relabelled"]


def relabelled(request: DeletionRequest, generator: torch.Generator) -> tuple[Any, Loss | None]:
    """Return all rows of a request, with other labels on the forget rows, and the loss to train them with.

    The task must have the feature ``relabelling``: a label is a class or, for a diffusion model, a prompt. A loss of
    None stands for the task's own.
    """
    if request.task.num_classes is None:
        prompts = other_prompts(request.forget, request.retain, generator)
        return Reprompted(request.retain, request.forget, prompts), prompted_otherwise
    labels = other_labels(request.forget, request.task.num_classes, generator)
    return Relabelled(request.retain, request.forget, labels), None


def other_labels(dataset: Any, classes: int | None, generator: torch.Generator) -> torch.Tensor:
    """Return a label for each row, drawn uniformly from the classes except its own, int64 [n].

    Raises:
        ValueError: there are fewer than two classes to choose from.
    """
    if classes is None or classes < 2:
        raise ValueError(f"other labels need two classes or more to choose from, and the task has {classes or 'none'}")
    true = torch.tensor([int(dataset[row]["labels"]) for row in range(len(dataset))], dtype=torch.int64)
    shift = torch.randint(1, classes, (len(true),), generator=generator)
    return (true + shift).remainder(classes)


class Relabelled:
    """Joins retain rows and forget rows, the latter with the labels given, int64 [n].

    The handed rows are never written to.
    """

    def __init__(self, retain: Any, forget: Any, labels: torch.Tensor) -> None:
        self.retain, self.forget, self.labels = retain, forget, labels

    def __len__(self) -> int:
        return len(self.retain) + len(self.forget)

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        if index < len(self.retain):
            return self.retain[index]
        position = index - len(self.retain)
        return {**self.forget[position], "labels": self.labels[position]}
