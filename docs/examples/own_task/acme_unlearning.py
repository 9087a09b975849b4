"""A company's own task and method: a customer table, a small network, and a way to delete rows from it.

The table is a stand-in that needs no download: scikit-learn's breast-cancer data (569 rows, 30 columns, 2 classes).
"""

from __future__ import annotations

import numpy as np
import torch
from sklearn.datasets import load_breast_cancer
from torch import nn
from transformers.modeling_outputs import SequenceClassifierOutput

from mu_conformance import Claims, ClassificationTask, DeletionRequest, Rows, Splits, TrainingRecipe

TRAIN_ROWS, HOLDOUT_ROWS = 200, 180
NOISE_COLUMNS, WRONG_LABELS = 200, 0.25
"""Columns of noise that belong to the row, and the share of wrong labels (test rows keep the right ones). Both give a
row something that can only be memorised. Without them a network does nearly as well on deleted rows as on kept ones,
and no check could tell forgetting from remembering."""


class ChurnNetwork(nn.Module):
    """Two layers. A model is called ``model(**batch)`` and returns an object with ``.loss`` and ``.logits``."""

    def __init__(self, columns: int, width: int, classes: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(columns, width)
        self.head = nn.Linear(width, classes)
        # Wide, with a small head: networks of different seeds end up alike, so the references spread little.
        with torch.no_grad():
            self.head.weight.mul_(0.1)
            self.head.bias.zero_()

    def forward(self, features: torch.Tensor, labels: torch.Tensor | None = None) -> SequenceClassifierOutput:
        logits = self.head(torch.relu(self.hidden(features)))
        loss = None if labels is None else nn.functional.cross_entropy(logits, labels)
        return SequenceClassifierOutput(loss=loss, logits=logits)


class ChurnTask(ClassificationTask):
    """Trained to fit its 200 rows exactly, in a fraction of a second."""

    name = "acme_churn"
    modality = "tabular"
    summary = "which customers leave; a stand-in table of 230 columns"
    architectures = ("mlp",)
    forget_sets = ("random", "mislabelled")
    num_classes = 2
    recipe = TrainingRecipe(epochs=40, batch_size=40, learning_rate=1e-3)

    def load_splits(self) -> Splits:
        table = load_breast_cancer()
        rng = np.random.RandomState(0)
        columns = (table.data - table.data.mean(0)) / table.data.std(0)
        columns += rng.standard_normal(columns.shape)
        columns = np.hstack([columns, rng.standard_normal((len(columns), NOISE_COLUMNS))])
        order = rng.permutation(len(columns))
        test = TRAIN_ROWS + HOLDOUT_ROWS
        labels = table.target[order]
        labels[:test] ^= rng.random_sample(test) < WRONG_LABELS
        rows = Rows(
            {
                "features": torch.as_tensor(columns[order], dtype=torch.float32),
                "labels": torch.as_tensor(labels, dtype=torch.int64),
            }
        )
        return Splits(
            train=rows.select(range(TRAIN_ROWS)),
            holdout=rows.select(range(TRAIN_ROWS, test)),
            test=rows.select(range(test, len(rows))),
        )

    def build_model(self, architecture: str) -> nn.Module:
        return ChurnNetwork(columns=30 + NOISE_COLUMNS, width=1024, classes=self.num_classes)


class AcmeRetrain:
    """Train again without the deleted rows, in a loop of the company's own."""

    claims = Claims(tasks=("acme_churn",))

    def unlearn(self, model: nn.Module, request: DeletionRequest) -> nn.Module:
        recipe = request.recipe
        fresh = request.task.new_model(request.seed).to(request.device)
        optimiser = torch.optim.AdamW(fresh.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
        total, step = recipe.steps(len(request.retain)), 0
        fresh.train()
        with request.seeded() as generator:
            batches = request.task.loader(request.retain, recipe.batch_size, generator=generator)
            for _ in range(recipe.epochs):
                for batch in batches:
                    for group in optimiser.param_groups:
                        group["lr"] = recipe.rate(step, total)
                    loss = request.task.loss(fresh, {name: column.to(request.device) for name, column in batch.items()})
                    optimiser.zero_grad()
                    loss.backward()
                    optimiser.step()
                    step += 1
        return fresh.eval()
