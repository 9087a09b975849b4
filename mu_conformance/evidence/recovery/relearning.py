"""Relearning: a short, fixed fine-tune after which a model that only hides what it knows shows it again.

On retain rows only (arXiv 2505.22310: forgotten classes come back), and on a handful of forget rows among retain rows
(arXiv 2406.13356).
"""

from __future__ import annotations

import copy
import dataclasses
from typing import TYPE_CHECKING

import torch

from mu_conformance.evidence.recovery import recovery_attack
from mu_conformance.protocol.seeding import seeded
from mu_conformance.tasks import Rows
from mu_conformance.training.loop import fit

if TYPE_CHECKING:
    from torch import nn

    from mu_conformance.scenarios.scenario import Scenario

__all__ = ["few_forget", "relearnt_few", "relearnt_retain"]

LEARNING_RATE_SHARE = 0.3
RETAIN_EPOCHS, FEW_EPOCHS = 1, 4
FEW_FORGET, FEW_RETAIN = 8, 56
SEED = 7


def few_forget(forget_rows: int) -> int:
    """How many forget rows ``relearnt_few`` trains on: a handful, and never more than half of them."""
    return min(FEW_FORGET, forget_rows // 2)


@recovery_attack("relearnt_retain", learning_rate_share=LEARNING_RATE_SHARE, epochs=RETAIN_EPOCHS, seed=SEED)
def relearnt_retain(model: nn.Module, scenario: Scenario) -> nn.Module:
    """Fine-tuned on the retain rows."""
    return _fine_tuned(model, scenario, scenario.retain, RETAIN_EPOCHS)


@recovery_attack(
    "relearnt_few",
    learning_rate_share=LEARNING_RATE_SHARE,
    epochs=FEW_EPOCHS,
    forget=FEW_FORGET,
    retain=FEW_RETAIN,
    seed=SEED,
)
def relearnt_few(model: nn.Module, scenario: Scenario) -> nn.Module:
    """Fine-tuned on the first few forget rows among retain rows."""
    some = scenario.forget.select(range(few_forget(len(scenario.forget))))
    others = scenario.retain.select(range(min(FEW_RETAIN, len(scenario.retain))))
    columns = {name: torch.cat([some.columns[name], others.columns[name]]) for name in others.columns}
    return _fine_tuned(model, scenario, Rows(columns), FEW_EPOCHS)


def _fine_tuned(model: nn.Module, scenario: Scenario, rows: Rows, epochs: int) -> nn.Module:
    recipe = dataclasses.replace(
        scenario.recipe,
        epochs=epochs,
        learning_rate=scenario.recipe.learning_rate * LEARNING_RATE_SHARE,
        schedule="constant",
    )
    # Seeded, so that what a loss or dropout draws is the same for every model.
    with seeded(SEED):
        return fit(copy.deepcopy(model), rows, scenario.task, recipe, SEED)
