"""What a method sees of a task: the concrete ``RequestTask`` (``protocol.request``)."""

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
    """What a method sees of a task: its loss, collation, loaders and fresh models, and none of its data.

    ``new_model(seed)`` is the architecture before training: fresh trainable weights; weights that are frozen in the
    original are as in the original, and frozen.
    """

    def __init__(self, task: Task, architecture: str, frozen: Mapping[str, torch.Tensor] | None = None) -> None:
        self._task = task
        self._architecture = architecture
        self._frozen = dict(frozen or {})
        self.name = task.name
        self.modality = task.modality
        self.num_classes: int | None = task.num_classes

    def loss(self, model: nn.Module, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """The mean training loss of a batch, a scalar."""
        return self._task.training_loss(model, batch)

    def logits(self, model: nn.Module, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """The model's logits on a batch, [n, ..., k], with a gradient where the caller's mode has one."""
        return self._task.logits(model, batch)

    def predicted(self, model: nn.Module, batch: Mapping[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits [m, k] and their labels int64 [m]: of each row, or of each token of the rows' labels."""
        return self._task.predicted(model, batch)

    def log_likelihood(self, model: nn.Module, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Log-probability of each row's labels, nats [n], summed over its tokens where labels are texts."""
        return self._task.log_likelihood(model, batch)

    def answer_lengths(self, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """How many tokens each row's labels are, int64 [n]; 1 where a label is a class."""
        return self._task.answer_lengths(batch)

    def new_model(self, seed: int) -> nn.Module:
        """The architecture before training, in evaluation mode."""
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
        """A loader over any map-style dataset of dicts; iterate it once per epoch."""
        return BatchLoader(dataset, batch_size, shuffle=shuffle, generator=generator, collate=self.collate)
