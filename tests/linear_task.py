"""A task of a few rows and a linear model, for tests of what happens to a call."""

from __future__ import annotations

import types

import torch
from torch import nn

from mu_conformance.isolation.child import RequestRows
from mu_conformance.protocol.recipe import TrainingRecipe
from mu_conformance.protocol.request import Budget, DeletionRequest
from mu_conformance.tasks import ClassificationTask, Rows, Splits, TaskView


class Linear(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(2, 3)
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def forward(self, x, labels=None):
        logits = self.linear(x)
        loss = None if labels is None else nn.functional.cross_entropy(logits, labels)
        return types.SimpleNamespace(logits=logits, loss=loss)


class Toy(ClassificationTask):
    name = "toy"
    modality = "tabular"
    summary = "rows for these tests"
    architectures = ("linear",)
    num_classes = 3
    recipe = TrainingRecipe(1, 4, 0.1)

    def load_splits(self) -> Splits:
        return Splits(rows_of(6), rows_of(3), rows_of(3))

    def build_model(self, architecture: str) -> nn.Module:
        return Linear()


TASK = Toy()


def rows_of(n: int) -> Rows:
    return Rows({"x": torch.arange(2.0 * n).reshape(n, 2), "labels": torch.arange(n) % 3})


def request_of(forget: Rows, retain: Rows) -> DeletionRequest:
    columns = ("x", "labels")
    return DeletionRequest(
        RequestRows(forget, columns),
        RequestRows(retain, columns),
        TaskView(TASK, "linear"),
        TrainingRecipe(1, 4, 0.1),
        3,
        torch.device("cpu"),
        Budget(),
    )
