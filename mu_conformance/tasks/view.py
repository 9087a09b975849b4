"""Show a method the task: the concrete ``RequestTask`` (``protocol.request``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch

from mu_conformance.tasks.loader import BatchLoader, collate

if TYPE_CHECKING:
    from torch import nn

    from mu_conformance.tasks.base import Task

__all__ = ["TaskView"]


class TaskView:
    """Shows a method the loss, collation, loaders and fresh models of a task, and none of its data.

    Args:
        task: the task.
        architecture: architecture of the original.
        frozen: values of the parameters that are frozen in the original, by name.
    """

    def __init__(self, task: Task, architecture: str, frozen: Mapping[str, torch.Tensor] | None = None) -> None:
        self._task = task
        self._architecture = architecture
        self._frozen = dict(frozen or {})
        self.name = task.name
        self.modality = task.modality
        self.num_classes: int | None = task.num_classes

    def loss(self, model: nn.Module, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Return the mean training loss of a batch, a scalar."""
        return self._task.training_loss(model, batch)

    def logits(self, model: nn.Module, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Return the model's logits on a batch, [n, ..., k], with a gradient unless the caller turned gradients off."""
        return self._task.logits(model, batch)

    def predicted(self, model: nn.Module, batch: Mapping[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        """Return logits [m, k] and their labels int64 [m]: of each row, or of each token of its labels."""
        return self._task.predicted(model, batch)

    def log_likelihood(self, model: nn.Module, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Return the log-probability of each row's labels, nats [n], summed over tokens where labels are texts."""
        return self._task.log_likelihood(model, batch)

    def answer_lengths(self, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Return the number of tokens of each row's labels, int64 [n]; 1 where a label is a class."""
        return self._task.answer_lengths(batch)

    def new_model(self, seed: int) -> nn.Module:
        """Return the architecture before training, in evaluation mode.

        Trainable weights are a function of ``seed``. Weights frozen in the original have the original's values, and are
        frozen.
        """
        model = self._task.new_model(seed, self._architecture)
        for name, parameter in model.named_parameters():
            if name in self._frozen:
                parameter.data.copy_(self._frozen[name])
                parameter.requires_grad_(False)
        return model

    collate = staticmethod(collate)

    def loader(
        self,
        dataset: Any,
        batch_size: int,
        *,
        shuffle: bool = True,
        generator: torch.Generator | None = None,
    ) -> BatchLoader:
        """Return a loader over any map-style dataset of dicts; iterate over it once an epoch."""
        return BatchLoader(dataset, batch_size, shuffle=shuffle, generator=generator, collate=self.collate)
