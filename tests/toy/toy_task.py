"""A task that trains in milliseconds: noise with labels drawn at random, so that a model can only memorise."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import torch
from torch import nn

from mu_conformance import ClassificationTask, Rows, Splits, TrainingRecipe


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.config = SimpleNamespace(num_labels=3)
        self.body = nn.Linear(20, 64)
        self.head = nn.Linear(64, 3)

    def forward(self, x, labels=None):
        logits = self.head(torch.relu(self.body(x)))
        loss = None if labels is None else nn.functional.cross_entropy(logits, labels)
        return SimpleNamespace(logits=logits, loss=loss)


class ToyTask(ClassificationTask):
    name = "toy"
    modality = "tabular"
    summary = "noise with a weak rule, three classes"
    architectures = ("mlp",)
    forget_sets = ("random", "mislabelled")
    num_classes = 3
    recipe = TrainingRecipe(epochs=40, batch_size=50, learning_rate=2e-2)

    def load_splits(self) -> Splits:
        rng = np.random.RandomState(0)
        x = rng.standard_normal((900, 20))
        labels = (x[:, :3] + 1.0 * rng.standard_normal((900, 3))).argmax(1)
        rows = Rows(
            {"x": torch.as_tensor(x, dtype=torch.float32), "labels": torch.as_tensor(labels, dtype=torch.int64)}
        )
        return Splits(rows.select(range(300)), rows.select(range(300, 600)), rows.select(range(600, 900)))

    def build_model(self, architecture):
        return Network()


class ToyInTurn(ToyTask):
    """The same rows, asked for in two requests, and those of them that are memorized."""

    name = "toy_in_turn"
    forget_sets = ("sequential", "memorized")


class ToyByClass(ToyTask):
    """The same rows, of which a whole class is to be forgotten."""

    name = "toy_by_class"
    forget_sets = ("unit",)
    deletion_unit = "class"

    def load_splits(self) -> Splits:
        splits = super().load_splits()
        return dataclasses.replace(splits, units=splits.train.labels.numpy(), unit_names=("first", "second", "third"))


class ToyWithTrigger(ToyTask):
    """The same rows, some of which are deleted for a trigger: a last column far outside its range."""

    name = "toy_with_trigger"
    forget_sets = ("backdoored",)
    trigger_label = 0

    def triggered(self, rows: Rows) -> Rows:
        x = rows.columns["x"].clone()
        x[:, -1] = 6.0
        return Rows({**rows.columns, "x": x})
