"""The protocol between the suite and a method: a deletion request, and the one method that serves it."""

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
    """The most that one call may use: seconds of wall time, rows drawn from the handed datasets, FLOPs.

    ``None`` leaves that resource free. Seconds and FLOPs are enforced (the call is stopped); the rows are checked
    afterwards by ``contract.budget-respected``. FLOPs are those of torch's matrix products, convolutions and attention.
    """

    seconds: float | None = None
    examples: int | None = None
    flops: float | None = None


class RequestTask(Protocol):
    """The task as a method sees it: loss, collation, loaders and fresh models, and none of the data."""

    name: str
    modality: str
    num_classes: int | None
    """Classes of the labels; None where labels are not classes."""

    def loss(self, model: nn.Module, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Return the mean training loss of a batch, a scalar."""
        ...

    def logits(self, model: nn.Module, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Return the model's logits on a batch, [n, ..., k], differentiable."""
        ...

    def predicted(self, model: nn.Module, batch: Mapping[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        """Return logits [m, k] and their labels int64 [m]: one for each row, or each token of the rows' labels."""
        ...

    def log_likelihood(self, model: nn.Module, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Return the log-probability of each row's labels, nats [n], summed over tokens where labels are texts."""
        ...

    def answer_lengths(self, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Return the number of tokens of each row's labels, int64 [n]; 1 where a label is a class."""
        ...

    def new_model(self, seed: int) -> nn.Module:
        """Return the architecture before training, in evaluation mode.

        Trainable weights are a function of ``seed``. Weights that are frozen in the original are as in the original,
        and frozen.
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
        """Return a loader over a map-style dataset of dicts. Iterate over it once an epoch."""
        ...


@dataclasses.dataclass(frozen=True)
class DeletionRequest:
    """What a method is handed with the original model.

    ``forget`` and ``retain`` are map-style datasets of dicts of tensors (``retain`` is ``None`` for a method that
    claims not to need it). ``task`` gives ``loss(model, batch)``, ``collate``, ``loader(...)`` and
    ``new_model(seed)``. The result must depend on ``seed`` alone, never on the process's global random state.
    """

    forget: Any
    retain: Any | None
    task: RequestTask
    recipe: TrainingRecipe
    seed: int
    device: torch.device
    budget: Budget

    @contextlib.contextmanager
    def seeded(self) -> Iterator[torch.Generator]:
        """Seed every global generator from ``seed`` inside the block, restore them after it.

        Yields a ``torch.Generator`` with the same seed, for loaders.
        """
        from mu_conformance.protocol.seeding import seeded

        with seeded(self.seed) as generator:
            yield generator


@runtime_checkable
class Unlearner(Protocol):
    """The protocol: an optional attribute ``claims`` and this one method."""

    def unlearn(self, model: nn.Module, request: DeletionRequest) -> nn.Module:
        """Return a model of the same architecture that has forgotten ``request.forget``."""
        ...
