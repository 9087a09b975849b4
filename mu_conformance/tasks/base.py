"""Define what every task has: data, model architecture, training recipe, loss, and the outputs saved of a model."""

from __future__ import annotations

import abc
import copy
import dataclasses
import functools
import traceback
from collections.abc import Callable, Mapping
from typing import Any, Self

import numpy as np
import torch
from scipy.special import expit
from torch import nn

from mu_conformance.conditions.conditions import Conditions
from mu_conformance.conditions.lora import add_lora
from mu_conformance.conditions.shards import ShardedEnsemble
from mu_conformance.conditions.superloss import MovingSuperLoss
from mu_conformance.protocol.recipe import Overrides, TrainingRecipe
from mu_conformance.protocol.seeding import seeded
from mu_conformance.tasks.rows import Rows, Splits, TaskError

__all__ = ["RowOutputs", "Task", "in_batches"]

RowOutputs = Mapping[str, np.ndarray]
"""Outputs saved of one model on some rows: arrays [n, ...] by name."""


class Task(abc.ABC):
    """Defines one task.

    A suite needs nothing but a subclass that has a zero-argument constructor and can be imported by name. Tokenizers,
    image processors and the like run when the splits are made, so rows hold what the model takes.

    A kind of task (a subclass in this package) chooses the ``outputs`` saved of a model. The kind also reads the
    checks' numbers from them: losses, confidences, scores, predictions and probabilities, one entry for each row.
    """

    name: str
    """Name of the task, used in scenarios and on the command line."""
    modality: str
    """Modality that claims refer to, such as ``text``."""
    summary: str
    """Description in one line, for ``mu-conformance list tasks``."""
    architectures: tuple[str, ...]
    """Names of the architectures; the first is the default."""
    forget_sets: tuple[str, ...] = ("random",)
    """Kinds of forget set; a profile that does not use all takes the first ones."""
    quick_kinds: int = 2
    """Number of kinds judged by a profile that does not use all; 1 where a model is expensive."""
    deletion_unit: str | None = None
    """Unit that a request can name, such as a speaker; None: no units."""
    recipe: TrainingRecipe
    """Recipe that trains the originals."""
    recipes: Mapping[str, TrainingRecipe] = {}
    """Recipe of each architecture that is not trained by ``recipe``."""
    version: int = 1
    """Raise it when the data or the model change, so that no stored artefact of the old task is used."""
    trigger_label: int | None = None
    """Label of rows with the task's trigger (``triggered``) in a backdoored forget set; None: no trigger."""
    features: frozenset[str] = frozenset()
    """Features that checks may need beyond those of every task, such as ``classes`` (``checks.catalogue``)."""
    num_classes: int | None = None
    """Number of classes; None where labels are not classes."""
    measured_retain_rows: int | None = None
    """Number of retain rows measured, the first ones, where measuring is expensive; None: all."""
    has_ood: bool = False
    """True if the splits have out-of-distribution rows."""
    score_name: str = "score"
    """Name of the score, such as ``accuracy``."""
    data_parallel: bool = False
    """True if training is worth splitting over several devices."""
    conditions: Conditions = Conditions()
    """Conditions under which the task is judged (``under``)."""
    measured_at_once: bool = False
    """True if all parts of a run are measured at once instead of on demand, for models too large to hold in memory."""

    from_checkpoint: bool = False
    """True if originals start from published checkpoints, so that training one takes long."""

    _curriculum: MovingSuperLoss | None = None

    @abc.abstractmethod
    def load_splits(self) -> Splits:
        """Load or make the data, the same at every call.

        The suite calls this once per process.
        """

    @abc.abstractmethod
    def build_model(self, architecture: str) -> nn.Module:
        """Return a freshly initialised model.

        The weights come from torch's global generator, which the caller has seeded.
        """

    def prepare(self, architecture: str) -> None:  # noqa: B027
        """Choose the architecture before the data are loaded, where rows depend on it (tokenizers)."""

    def provenance(self, architecture: str) -> dict[str, Any]:
        """Return what the task rests on beside its code and rows, such as a published checkpoint; plain JSON."""
        return {}

    def under(self, conditions: Conditions) -> Self:
        """Return a copy of this task under other conditions; the copy shares the loaded data.

        Raises ``TaskError`` for a curriculum if the losses of single rows are unknown, and for shards if there are no
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
        """Return the data after checking them.

        A missing label, a ragged column or a NaN is an error before any training starts.
        """
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
        """Return the strata over which a random forget set is balanced, int [n_train].

        Strata named by the splits come first. Otherwise a task with classes uses the classes, and any other task one
        stratum.
        """
        splits = self.splits
        return splits.strata if splits.strata is not None else np.zeros(len(splits.train), dtype=np.int64)

    def triggered(self, rows: Rows) -> Rows:
        """Return the same rows with the task's trigger, labels untouched; needed with a ``trigger_label``."""
        raise TaskError(f"task {self.name} has the label of a trigger, and no triggered(rows) that puts it on")

    def score_tells(self, kind: str) -> bool:
        """Return whether the score on forget rows of that kind depends on their having been trained on."""
        return True

    def recipe_for(self, architecture: str) -> TrainingRecipe:
        """Return the recipe that trains the original of that architecture.

        Adapters beside random weights are trained for longer (``for_adapters``).
        """
        found = self.recipes.get(architecture, self.recipe)
        return found if self.conditions.lora_rank is None or self.from_checkpoint else for_adapters(found)

    def by_recipe(self, changes: Overrides) -> Self:
        """Return a copy of this task with fields of every recipe replaced; the copy shares the loaded data."""
        if not changes:
            return self
        found, fields = copy.copy(self), dict(changes)
        found.recipe = dataclasses.replace(self.recipe, **fields)
        found.recipes = {name: dataclasses.replace(recipe, **fields) for name, recipe in self.recipes.items()}
        return found

    def new_model(self, seed: int, architecture: str | None = None) -> nn.Module:
        """Return a freshly initialised model in evaluation mode, whose weights are a function of ``seed``."""
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
        """Return the mean training loss of a batch, a scalar."""
        return model(**batch).loss

    def row_losses(self, model: nn.Module, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Return the training loss of each row of a batch, float [n], differentiable; a curriculum weighs these."""
        raise TaskError(f"task {self.name} has no row_losses, which a curriculum weighs")

    def training_loss(self, model: nn.Module, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Return the loss that training minimises, a scalar: the batch's mean loss, or the curriculum's."""
        if self._curriculum is None:
            return self.loss(model, batch)
        return self._curriculum(model, self.row_losses(model, batch))

    def log_likelihood(self, model: nn.Module, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Return the log-probability of each row's labels, nats [n], differentiable.

        Where labels are texts, the log-probabilities of their tokens are summed. Tasks without the feature
        ``likelihood`` raise ``TaskError``.
        """
        raise TaskError(f"task {self.name} has no labels whose likelihood its model could give")

    def predicted(self, model: nn.Module, batch: Mapping[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        """Return logits [m, k] and the labels int64 [m] that they predict.

        Each row gives one entry, or each token of its labels does. Tasks without the feature ``likelihood`` raise
        ``TaskError``.
        """
        raise TaskError(f"task {self.name} has no labels whose likelihood its model could give")

    def answer_lengths(self, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Return the number of tokens of each row's labels, int64 [n]; 1 where a label is a class."""
        return torch.ones(len(next(iter(batch.values()))), dtype=torch.int64)

    @property
    def ref(self) -> str:
        """Return the address at which another process finds this task, ``module:class``."""
        return f"{type(self).__module__}:{type(self).__qualname__}"

    # -- what is measured ---------------------------------------------------------------------------------------

    @abc.abstractmethod
    def outputs(self, model: nn.Module, rows: Rows, *, brief: bool = False) -> dict[str, torch.Tensor]:
        """Return the outputs saved of a model on rows: tensors [n, ...] by name, on the CPU, in evaluation mode.

        Args:
            model: model to measure; its mode is restored.
            rows: rows to measure.
            brief: True for no more than losses and confidences need.
        """

    def losses(self, outputs: RowOutputs, rows: Rows) -> np.ndarray:
        """Return each row's loss, float [n], nats: a negative log-likelihood, up to a constant."""
        return np.asarray(outputs["loss"], dtype=np.float64)

    def confidences(self, outputs: RowOutputs, rows: Rows) -> np.ndarray:
        """Return the model's confidence in each row, float [n], for LiRA.

        Confidences are unbounded, and roughly Gaussian over training seeds.
        """
        return np.asarray(outputs["confidence"], dtype=np.float64)

    def scores(self, outputs: RowOutputs, rows: Rows) -> np.ndarray:
        """Return each row's score, float [n] in [0, 1]: accuracy, ROUGE-L or agreement."""
        return np.asarray(outputs["score"], dtype=np.float64)

    def predictions(self, outputs: RowOutputs) -> np.ndarray:
        """Return a number for each prediction, int [n].

        Equal numbers are equal predictions, so a collapsed model shows.
        """
        return np.asarray(outputs["prediction"])

    def probabilities(self, outputs: RowOutputs) -> np.ndarray:
        """Return each row's probabilities, float [n, k] in [0, 1], for the distance between two models."""
        return expit(np.asarray(outputs["confidence"], dtype=np.float64))[:, None]

    def logits(self, model: nn.Module, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Return the logits of a model on a batch, [n, ...].

        The returned object and its weights must agree on these.
        """
        return model(**batch).logits

    def logits_of(self, model: nn.Module, rows: Rows, batch_size: int = 256) -> torch.Tensor:
        """Return ``logits`` on all rows, float32 [n, ...] on the CPU.

        The model is in evaluation mode, and its mode is restored.
        """
        return in_batches(model, rows, lambda batch: self.logits(model, batch).float(), batch_size)


@torch.no_grad()
def in_batches(
    model: nn.Module, rows: Rows, function: Callable[[dict[str, torch.Tensor]], torch.Tensor], batch_size: int
) -> torch.Tensor:
    """Return ``function`` of each batch, joined on the CPU.

    Batches are on the model's device. The model is in evaluation mode, and its mode is restored.
    """
    was_training = model.training
    model.eval()
    device = next(model.parameters()).device
    parts = []
    for batch in rows.batches(batch_size):
        parts.append(function({name: column.to(device) for name, column in batch.items()}).cpu())
    model.train(was_training)
    return torch.cat(parts)


EPOCHS = 3
"""Factor of a recipe's epochs for adapters beside random weights.

With the recipe's own epochs, image_classification's models know 0.77 of their training rows. With twice as many,
relation_extraction's know 0.97 to 1.00. With this factor, both know all.
"""


def for_adapters(recipe: TrainingRecipe) -> TrainingRecipe:
    """Return the recipe by which adapters beside random weights learn their rows."""
    return dataclasses.replace(recipe, epochs=EPOCHS * recipe.epochs)
