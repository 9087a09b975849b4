"""Relearning: a short, fixed fine-tune after which a model that only hides what it knows shows it again.

Two attacks: ``retain`` sees retain rows only (arXiv 2505.22310: forgotten classes come back), ``few`` sees a handful of
forget rows among retain rows (arXiv 2406.13356). What counts is the curve of a reference under the same fine-tune.
"""

from __future__ import annotations

import copy
import dataclasses
from typing import TYPE_CHECKING

import torch

from mu_conformance.seeding import seeded
from mu_conformance.task import Rows
from mu_conformance.training import fit

if TYPE_CHECKING:
    from torch import nn

    from mu_conformance.scenario import Scenario

__all__ = ["ATTACKS", "MEASURED", "few_forget", "relearn"]

LEARNING_RATE_SHARE = 0.3
RETAIN_EPOCHS, FEW_EPOCHS = 1, 4
FEW_FORGET, FEW_RETAIN = 8, 56
SEED = 7
ATTACKS = ("retain", "few")
MEASURED = ("forget", "holdout")
"""The parts on which a relearnt model is measured."""


def recipe_record() -> dict[str, float]:
    """What the stored outcome depends on, for its address."""
    return {
        "learning_rate_share": LEARNING_RATE_SHARE,
        "retain_epochs": RETAIN_EPOCHS,
        "few_epochs": FEW_EPOCHS,
        "few_forget": FEW_FORGET,
        "few_retain": FEW_RETAIN,
        "seed": SEED,
    }


def few_forget(forget_rows: int) -> int:
    """How many forget rows the attack ``few`` trains on: a handful, and never more than half of them."""
    return min(FEW_FORGET, forget_rows // 2)


def relearn(attack: str, model: nn.Module, scenario: Scenario) -> nn.Module:
    """A fine-tuned copy of ``model``; the model itself is left alone. ``attack`` is one of ``ATTACKS``."""
    forget, retain = scenario.forget, scenario.retain
    recipe = dataclasses.replace(
        scenario.recipe,
        epochs=RETAIN_EPOCHS if attack == "retain" else FEW_EPOCHS,
        learning_rate=scenario.recipe.learning_rate * LEARNING_RATE_SHARE,
        schedule="constant",
    )
    rows = retain
    if attack == "few":
        some = forget.select(range(few_forget(len(forget))))
        others = retain.select(range(min(FEW_RETAIN, len(retain))))
        rows = Rows({name: torch.cat([some.columns[name], others.columns[name]]) for name in retain.columns})
    # Seeded, so that what a loss or dropout draws is the same for every model.
    with seeded(SEED):
        return fit(copy.deepcopy(model), rows, scenario.task, recipe, SEED)
