"""Define tasks whose model gives class logits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.special import softmax
from torch.nn import functional

from mu_conformance.measures import classification
from mu_conformance.tasks.base import RowOutputs, Task
from mu_conformance.tasks.rows import Rows, Splits, TaskError

if TYPE_CHECKING:
    from torch import nn

__all__ = ["ClassificationTask"]


class ClassificationTask(Task):
    """Defines a task whose model gives class logits and whose rows carry int64 ``labels``; the score is accuracy."""

    num_classes: int
    """Number of classes."""
    every_class_occurs: bool = True
    """True if a class without training rows is an error."""
    features = frozenset({"classes", "likelihood", "relabelling"})
    score_name = "accuracy"
    label_smoothing: float = 0.0
    """Label smoothing of the training loss, which bounds confidences and so narrows the references' spread."""

    def check_rows(self, splits: Splits) -> None:
        for part, rows in splits.parts().items():
            if "labels" not in rows.columns:
                raise TaskError(f"task {self.name}: the {part} rows have no column 'labels'")
            labels = rows.labels
            if labels.dtype != torch.int64 or labels.ndim != 1:
                raise TaskError(f"task {self.name}: labels of the {part} rows must be int64 [n], got {labels.dtype}")
            if int(labels.min()) < 0 or int(labels.max()) >= self.num_classes:
                raise TaskError(f"task {self.name}: a label of the {part} rows lies outside 0..{self.num_classes - 1}")
        empty = np.setdiff1d(np.arange(self.num_classes), splits.train.labels.numpy())
        if len(empty) and self.every_class_occurs:
            raise TaskError(
                f"task {self.name}: class {empty[0]} has no train rows; add some, or leave the class out of num_classes"
            )

    @property
    def strata(self) -> np.ndarray:
        """Return the classes of the training rows, unless the splits have strata of their own."""
        splits = self.splits
        return splits.strata if splits.strata is not None else splits.train.labels.numpy()

    def logits(self, model: nn.Module, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        return model(**{name: column for name, column in batch.items() if name != "labels"}).logits

    def loss(self, model: nn.Module, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        if not self.label_smoothing:
            return super().loss(model, batch)
        logits = self.logits(model, batch)
        return functional.cross_entropy(logits, batch["labels"], label_smoothing=self.label_smoothing)

    def row_losses(self, model: nn.Module, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        logits = self.logits(model, batch)
        return functional.cross_entropy(logits, batch["labels"], label_smoothing=self.label_smoothing, reduction="none")

    def predicted(self, model: nn.Module, batch: Mapping[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        return self.logits(model, batch), batch["labels"]

    def log_likelihood(self, model: nn.Module, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        return -functional.cross_entropy(self.logits(model, batch), batch["labels"], reduction="none")

    def outputs(self, model: nn.Module, rows: Rows, *, brief: bool = False) -> dict[str, torch.Tensor]:
        return {"logits": self.logits_of(model, rows)}

    def losses(self, outputs: RowOutputs, rows: Rows) -> np.ndarray:
        return classification.cross_entropy(outputs["logits"], rows.labels.numpy())

    def confidences(self, outputs: RowOutputs, rows: Rows) -> np.ndarray:
        return classification.logit_scaled_confidence(outputs["logits"], rows.labels.numpy())

    def scores(self, outputs: RowOutputs, rows: Rows) -> np.ndarray:
        return classification.correct(outputs["logits"], rows.labels.numpy()).astype(np.float64)

    def predictions(self, outputs: RowOutputs) -> np.ndarray:
        return np.asarray(outputs["logits"]).argmax(axis=1)

    def probabilities(self, outputs: RowOutputs) -> np.ndarray:
        return softmax(np.asarray(outputs["logits"]), axis=-1)
