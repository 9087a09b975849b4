"""A task of a few hundred rows whose labels are mostly chance, so that what is known of a row was memorized."""

from __future__ import annotations

import types

import torch
from torch import nn

from mu_conformance.protocol.recipe import TrainingRecipe
from mu_conformance.tasks import ClassificationTask, Rows, Splits


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(20, 128), nn.ReLU(), nn.Linear(128, 3))

    def forward(self, x, labels=None):
        logits = self.layers(x)
        loss = nn.functional.cross_entropy(logits, labels) if labels is not None else None
        return types.SimpleNamespace(logits=logits, loss=loss)


class NoiseTask(ClassificationTask):
    """Labels that are mostly chance: what is known of a row was memorized."""

    name = "noise"
    modality = "tabular"
    summary = "labels that are mostly chance"
    architectures = ("network",)
    forget_sets = ("random",)
    num_classes = 3
    recipe = TrainingRecipe(epochs=30, batch_size=50, learning_rate=1e-2, weight_decay=0.0)

    def load_splits(self) -> Splits:
        generator = torch.Generator().manual_seed(0)
        x = torch.randn(900, 20, generator=generator)
        noise = torch.randint(3, (900,), generator=generator)
        labels = torch.where(torch.rand(900, generator=generator) < 0.5, noise, x[:, :3].argmax(dim=1))
        rows = Rows({"x": x, "labels": labels})
        return Splits(rows.select(range(300)), rows.select(range(300, 600)), rows.select(range(600, 900)))

    def build_model(self, architecture: str) -> nn.Module:
        return Network()
