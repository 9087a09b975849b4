"""Task: data, model architecture, training recipe, loss, and what is kept of a model's answers."""

from __future__ import annotations

import abc
import copy
import dataclasses
import functools
import traceback
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from scipy.special import expit
from torch import nn

from mu_conformance.conditions.conditions import Conditions
from mu_conformance.conditions.lora import add_lora
from mu_conformance.conditions.shards import ShardedEnsemble
from mu_conformance.conditions.superloss import MovingSuperLoss
from mu_conformance.protocol.recipe import TrainingRecipe
from mu_conformance.protocol.seeding import seeded
from mu_conformance.tasks.rows import Rows, Splits, TaskError

if TYPE_CHECKING:
    from mu_conformance.protocol.recipe import TrainingRecipe

if TYPE_CHECKING:
    from torch import nn

__all__ = ["RowOutputs", "Task", "in_batches"]

RowOutputs = Mapping[str, np.ndarray]
"""What is kept of one model's answers on some rows: arrays [n, ...] by name."""


class Task(abc.ABC):
    """One task. A subclass with a zero-argument constructor, importable by name, is all that a suite needs.

    The tokenizer, image processor and the like run when the splits are made: rows hold what the model takes. A kind of
    task (a subclass in this package) says what is kept of a model's answers on rows (``outputs``) and what the checks
    read from that: losses, confidences, scores, predictions, behaviour, each an array with an entry for each row.
    """

    name: str
    modality: str
    summary: str
    architectures: tuple[str, ...]
    forget_sets: tuple[str, ...] = ("random",)
    quick_kinds: int = 2
    """How many of ``forget_sets``, the first, a profile judges that does not take all: one where a model is expensive."""
    deletion_unit: str | None = None
    recipe: TrainingRecipe
    recipes: Mapping[str, TrainingRecipe] = {}
    """The recipe of each architecture that is not trained by ``recipe``."""
    version: int = 1
    """Raise it when the data or the model change, so that no stored artefact of the old task is taken."""
    trigger_label: int | None = None
    """What rows with the task's trigger (``triggered``) are labelled in a backdoored forget set; None: it has no trigger."""
    features: frozenset[str] = frozenset()
    """What checks may need of a task beyond what every task has: ``classes``, for one (``checks.catalogue``)."""
    num_classes: int | None = None
    measured_retain_rows: int | None = None
    """Retain rows that are measured (the first; None: all), for tasks where measuring a row is expensive."""
    has_ood: bool = False
    """Whether the splits have out-of-distribution rows."""
    score_name: str = "score"
    data_parallel: bool = False
    """Whether training is worth splitting over several devices."""
    conditions: Conditions = Conditions()
    """Under which it is judged (``under``)."""
    measured_at_once: bool = False
    """Whether all parts of a run are measured at once and not as checks ask for them: for models too large to keep."""

    from_checkpoint: bool = False
    """Whether originals begin as published checkpoints, so that training one more takes long."""

    _curriculum: MovingSuperLoss | None = None

    @abc.abstractmethod
    def load_splits(self) -> Splits:
        """Load or make the data. Called once per process; deterministic."""

    @abc.abstractmethod
    def build_model(self, architecture: str) -> nn.Module:
        """A freshly initialised model; weights drawn from torch's global generator, which the caller has seeded."""

    def prepare(self, architecture: str) -> None:  # noqa: B027
        """Told before the data are loaded which architecture they are for, where rows depend on it (tokenizers)."""

    def provenance(self, architecture: str) -> dict[str, Any]:
        """What the task rests on besides its code and its rows, such as a published checkpoint; plain JSON."""
        return {}

    def under(self, conditions: Conditions) -> Self:
        """This task under conditions: a copy, which shares the data that are loaded.

        Raises ``TaskError`` for a curriculum where the losses of single rows are not known, shards where there are no
        classes.
        """
        if conditions == self.conditions:
            return self
        if conditions.curriculum is not None and type(self).row_losses is Task.row_losses:
            raise TaskError(f"task {self.name} has no row_losses, which a curriculum weighs")
        if conditions.shards is not None and "classes" not in self.features:
            raise TaskError(f"task {self.name} has no classes, whose probabilities an ensemble of shards averages")
        found = copy.copy(self)
        found.conditions = conditions
        found._curriculum = MovingSuperLoss() if conditions.curriculum is not None else None
        return found

    @functools.cached_property
    def splits(self) -> Splits:
        """The data, checked: a missing label, a ragged or NaN column is an error before any training starts."""
        try:
            splits = self.load_splits()
        except TaskError as error:
            prefix = f"task {self.name}: "
            raise TaskError(f"{prefix}{str(error).removeprefix(prefix)}") from None
        except Exception as error:  # somebody else's code: say whose, and where
            frame = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{frame.filename}, line {frame.lineno}"
            raise TaskError(
                f"task {self.name}: load_splits raised {type(error).__name__}: {error} ({where})"
            ) from error
        for part, rows in splits.parts().items():
            if len(rows) == 0:
                raise TaskError(f"task {self.name}: the {part} rows are empty")
        for name in ("units", "strata"):
            values = getattr(splits, name)
            if values is not None and np.shape(values) != (len(splits.train),):
                raise TaskError(
                    f"task {self.name}: {name} must have one entry for each of {len(splits.train)} train rows"
                )
        self.check_rows(splits)
        for part, rows in splits.parts().items():
            if rows.columns.keys() != splits.train.columns.keys():
                raise TaskError(
                    f"task {self.name}: the {part} rows have the columns {', '.join(sorted(rows.columns))}, the train "
                    f"rows {', '.join(sorted(splits.train.columns))}"
                )
        return splits

    def check_rows(self, splits: Splits) -> None:  # noqa: B027
        """Raise ``TaskError`` if the rows do not suit this kind of task."""

    @property
    def strata(self) -> np.ndarray:
        """What a random forget set is balanced over, int [n_train]: classes where there are any, else one stratum."""
        splits = self.splits
        return splits.strata if splits.strata is not None else np.zeros(len(splits.train), dtype=np.int64)

    def triggered(self, rows: Rows) -> Rows:
        """The same rows with the task's trigger, their labels untouched; of tasks with a ``trigger_label``."""
        raise TaskError(f"task {self.name} has the label of a trigger, and no triggered(rows) that puts it on")

    def score_tells(self, kind: str) -> bool:
        """Whether the score on forget rows of that kind depends on their having been trained on."""
        return True

    def recipe_for(self, architecture: str) -> TrainingRecipe:
        """How the original of that architecture is trained; adapters beside random weights learn longer (``adapters``)."""
        found = self.recipes.get(architecture, self.recipe)
        return found if self.conditions.lora_rank is None or self.from_checkpoint else for_adapters(found)

    def new_model(self, seed: int, architecture: str | None = None) -> nn.Module:
        """A freshly initialised model whose weights are a function of ``seed``, in evaluation mode."""
        with seeded(seed):
            chosen, shards = architecture or self.architectures[0], self.conditions.shards
            if shards is None:
                model = self.build_model(chosen)
            else:
                model = ShardedEnsemble([self.build_model(chosen) for _ in range(shards)])
            if self.conditions.lora_rank is not None:
                add_lora(model, self.conditions.lora_rank, embeddings=not self.from_checkpoint)
            return model.eval()

    def loss(self, model: nn.Module, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """The mean training loss of a batch, a scalar."""
        return model(**batch).loss

    def row_losses(self, model: nn.Module, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """The training loss of each row of a batch, float [n], differentiable: what a curriculum weighs."""
        raise TaskError(f"task {self.name} has no row_losses, which a curriculum weighs")

    def training_loss(self, model: nn.Module, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """What training minimises: the mean loss of a batch, or what a curriculum makes of its rows' losses."""
        if self._curriculum is None:
            return self.loss(model, batch)
        return self._curriculum(model, self.row_losses(model, batch))

    def log_likelihood(self, model: nn.Module, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Log-probability of each row's labels, nats [n], summed over its tokens where labels are texts; differentiable.

        Of tasks with the feature ``likelihood``; ``TaskError`` for others.
        """
        raise TaskError(f"task {self.name} has no labels whose likelihood its model could give")

    def predicted(self, model: nn.Module, batch: Mapping[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits [m, k] and the labels int64 [m] that they are for: of each row, or of each token of the rows' labels.

        Of tasks with the feature ``likelihood``; ``TaskError`` for others.
        """
        raise TaskError(f"task {self.name} has no labels whose likelihood its model could give")

    def answer_lengths(self, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """How many tokens each row's labels are, int64 [n]; 1 where a label is a class."""
        return torch.ones(len(next(iter(batch.values()))), dtype=torch.int64)

    @property
    def ref(self) -> str:
        """Where another process finds this task: ``module:class``."""
        return f"{type(self).__module__}:{type(self).__qualname__}"

    # -- what is measured ---------------------------------------------------------------------------------------

    @abc.abstractmethod
    def outputs(self, model: nn.Module, rows: Rows, *, brief: bool = False) -> dict[str, torch.Tensor]:
        """What is kept of a model's answers on rows: tensors [n, ...] by name, on the CPU, in evaluation mode.

        ``brief``: no more than losses and confidences need.
        """

    def losses(self, outputs: RowOutputs, rows: Rows) -> np.ndarray:
        """Each row's loss, float [n], in nats: a negative log-likelihood, up to a constant."""
        return np.asarray(outputs["loss"], dtype=np.float64)

    def confidences(self, outputs: RowOutputs, rows: Rows) -> np.ndarray:
        """How sure the model is of each row, float [n], unbounded and roughly Gaussian over training seeds (for LiRA)."""
        return np.asarray(outputs["confidence"], dtype=np.float64)

    def scores(self, outputs: RowOutputs, rows: Rows) -> np.ndarray:
        """How right the model's answer is, float [n] in [0, 1]: accuracy, ROUGE-L, agreement."""
        return np.asarray(outputs["score"], dtype=np.float64)

    def predictions(self, outputs: RowOutputs) -> np.ndarray:
        """What the model answers, int [n]: equal numbers are equal answers, so that a collapse shows."""
        return np.asarray(outputs["prediction"])

    def probabilities(self, outputs: RowOutputs) -> np.ndarray:
        """The answers as probabilities, float [n, k] in [0, 1], to see how far apart two models are."""
        return expit(np.asarray(outputs["confidence"], dtype=np.float64))[:, None]

    def logits(self, model: nn.Module, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """The logits of a model on a batch, [n, ...]: what the returned object and its weights must agree on."""
        return model(**batch).logits

    def logits_of(self, model: nn.Module, rows: Rows, batch_size: int = 256) -> torch.Tensor:
        """``answer`` on all rows, float32 [n, ...] on the CPU, in evaluation mode; the model's mode is restored."""
        return in_batches(model, rows, lambda batch: self.logits(model, batch).float(), batch_size)


@torch.no_grad()
def in_batches(
    model: nn.Module, rows: Rows, function: Callable[[dict[str, torch.Tensor]], torch.Tensor], batch_size: int
) -> torch.Tensor:
    """``function`` of each batch on the model's device, joined on the CPU; evaluation mode, then the mode it was in."""
    was_training = model.training
    model.eval()
    device = next(model.parameters()).device
    parts = []
    for batch in rows.batches(batch_size):
        parts.append(function({name: column.to(device) for name, column in batch.items()}).cpu())
    model.train(was_training)
    return torch.cat(parts)


EPOCHS = 3
"""Times a recipe's own: with as many as the recipe image_classification's models know 0.77 of their training rows, with twice as
many relation_extraction's 0.97 to 1.00, with these both know all."""


def for_adapters(recipe: TrainingRecipe) -> TrainingRecipe:
    """The recipe by which adapters beside weights that were drawn at random learn their rows."""
    return dataclasses.replace(recipe, epochs=EPOCHS * recipe.epochs)
