"""Define a deletion request, and the protocol of the method that serves it."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from mu_conformance.protocol.recipe import TrainingRecipe

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import torch
    from torch import nn

__all__ = ["Budget", "DeletionRequest", "RequestTask", "Unlearner"]


@dataclasses.dataclass(frozen=True)
class Budget:
    """Limits what one call may use; None leaves a resource free.

    A call is stopped at its limit of seconds or FLOPs. Rows are checked afterwards, by ``contract.budget-respected``.
    """

    seconds: float | None = None
    """Wall time, seconds."""
    examples: int | None = None
    """Rows read from the handed datasets, counted at each read."""
    flops: float | None = None
    """FLOPs of torch's matrix products, convolutions and attention."""


class RequestTask(Protocol):
    """Shows a method the task: loss, collation, loaders and fresh models, and none of the data."""

    name: str
    """Name of the task."""
    modality: str
    """Modality of the task's rows, such as ``text``."""
    num_classes: int | None
    """Number of classes; None where labels are not classes."""

    def loss(self, model: nn.Module, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Return the mean training loss of a batch, a scalar."""
        ...

    def logits(self, model: nn.Module, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Return the model's logits on a batch, [n, ..., k], differentiable."""
        ...

    def predicted(self, model: nn.Module, batch: Mapping[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        """Return logits [m, k] and their labels int64 [m].

        Each row gives one entry. Where labels are texts, each token of the labels gives one.
        """
        ...

    def log_likelihood(self, model: nn.Module, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Return the log-probability of each row's labels, nats [n].

        Where labels are texts, the log-probabilities of their tokens are summed.
        """
        ...

    def answer_lengths(self, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Return the number of tokens of each row's labels, int64 [n]; 1 where a label is a class."""
        ...

    def new_model(self, seed: int) -> nn.Module:
        """Return the architecture before training, in evaluation mode.

        Trainable weights are a function of ``seed``. Weights frozen in the original have the original's values, and are
        frozen.
        """
        ...

    def collate(self, rows: Sequence[Mapping[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
        """Stack rows into a batch."""
        ...

    def loader(
        self,
        dataset: Any,
        batch_size: int,
        *,
        shuffle: bool = True,
        generator: torch.Generator | None = None,
    ) -> Any:
        """Return a loader over a map-style dataset of dicts; iterate over it once an epoch."""
        ...


@dataclasses.dataclass(frozen=True)
class DeletionRequest:
    """Holds what a method is handed beside the original model.

    The result must depend on ``seed`` alone, never on the process's global random state.
    """

    forget: Any
    """Rows to be deleted: a map-style dataset of dicts of tensors."""
    retain: Any | None
    """The other training rows, in the same form; None if the method claims not to need them."""
    task: RequestTask
    """The task: ``loss(model, batch)``, ``collate``, ``loader(...)``, ``new_model(seed)`` and the rest of
    ``RequestTask``."""
    recipe: TrainingRecipe
    """Recipe by which the original was trained."""
    seed: int
    """Seed of everything random in the call."""
    device: torch.device
    """Device of the model handed over, and of the model to be returned."""
    budget: Budget
    """Limits of this call."""

    @contextlib.contextmanager
    def seeded(self) -> Iterator[torch.Generator]:
        """Seed every global generator from ``seed`` inside the block, and restore them after it.

        Yields a ``torch.Generator`` with the same seed, for loaders.
        """
        from mu_conformance.protocol.seeding import seeded

        with seeded(self.seed) as generator:
            yield generator


@runtime_checkable
class Unlearner(Protocol):
    """Names what makes an object a method: this one function, and an optional attribute ``claims``."""

    def unlearn(self, model: nn.Module, request: DeletionRequest) -> nn.Module:
        """Return a model of the same architecture that has forgotten ``request.forget``."""
        ...
