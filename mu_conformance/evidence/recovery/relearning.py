"""Relearn: a short, fixed fine-tune after which a model that only hides its knowledge shows it again.

One attack fine-tunes on retain rows only (arXiv 2505.22310: forgotten classes come back). The other adds a handful of
forget rows (arXiv 2406.13356).
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
"""Share of the recipe's learning rate."""
RETAIN_EPOCHS, FEW_EPOCHS = 1, 4
"""Epochs of ``relearnt_retain`` and of ``relearnt_few``."""
FEW_FORGET, FEW_RETAIN = 8, 56
"""Largest numbers of forget rows and of retain rows in ``relearnt_few``."""
SEED = 7
"""Seed of the fine-tune."""


def few_forget(forget_rows: int) -> int:
    """Return the number of forget rows in ``relearnt_few``: a handful, and at most half of all."""
    return min(FEW_FORGET, forget_rows // 2)


@recovery_attack("relearnt_retain", learning_rate_share=LEARNING_RATE_SHARE, epochs=RETAIN_EPOCHS, seed=SEED)
def relearnt_retain(model: nn.Module, scenario: Scenario) -> nn.Module:
    """Return a copy fine-tuned on the retain rows."""
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
    """Return a copy fine-tuned on the first few forget rows among retain rows."""
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
    # Seeded, so that the noise of a loss or of dropout is the same for every model.
    with seeded(SEED):
        return fit(copy.deepcopy(model), rows, scenario.task, recipe, SEED)
