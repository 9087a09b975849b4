"""What a step of training takes on this machine."""

from __future__ import annotations

import time
import types

import pytest
from linear_task import TASK, rows_of

from mu_conformance.evidence import budgets
from mu_conformance.protocol.recipe import TrainingRecipe
from mu_conformance.training import loop


@pytest.mark.parametrize("batch_size", [60, 30, 4])
def test_cold_steps_are_not_timed(monkeypatch, batch_size):
    """The first steps take 100 s by a clock of the test's own, the others 2 s, however many an epoch has."""
    clock, made = [0.0], []

    def fit(model, rows, task, recipe, seed, *, after_step):
        for step in range(recipe.steps(len(rows))):
            clock[0] += 100.0 if step < budgets.WARM_UP else 2.0
            made.append(step)
            after_step(step)
        return model

    monkeypatch.setattr(time, "process_time", lambda: clock[0])
    monkeypatch.setattr(loop, "fit", fit)
    scenario = types.SimpleNamespace(
        task=TASK, architecture="linear", recipe=TrainingRecipe(5, batch_size, 0.1), retain=rows_of(60)
    )
    assert budgets.step_seconds(scenario) == 2.0
    assert budgets.WARM_UP + 6 <= len(made) <= budgets.WARM_UP + 6 + 60 // batch_size
