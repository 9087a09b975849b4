"""Outputs of a model are measured part by part, as they are asked for, and do not depend on the order of asking."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mu_conformance.evidence.outputs import NotFinite, Outputs
from mu_conformance.scenarios.profiles import PROFILES
from mu_conformance.scenarios.scenario import scenarios
from mu_conformance.tasks import registry

PARTS = ["forget", "retain", "holdout", "test", "ood"]
TREATMENTS = ("int8", "nf4", "noised", "probed", "pruned", "relearnt_few", "relearnt_retain")
TREATED = [f"{name}_{part}" for name in TREATMENTS for part in ("forget", "holdout")]
EVERY = [*PARTS, *TREATED, "representation"]


@pytest.fixture
def scenario():
    return scenarios(registry.find_task("tabular"), PROFILES["smoke"], 42)[0]


@pytest.fixture
def measured(scenario, monkeypatch):
    """The number of rows of each measurement that was made, in turn."""
    found, outputs = [], scenario.task.outputs

    def counting(model, rows, **options):
        found.append(len(rows))
        return outputs(model, rows, **options)

    monkeypatch.setattr(scenario.task, "outputs", counting)
    return found


def test_what_is_asked_for_is_measured_once_and_nothing_else(scenario, measured):
    outputs = Outputs.of(scenario.task.new_model(0), scenario)
    assert measured == []
    assert outputs["forget"] is outputs["forget"]
    assert measured == [len(scenario.forget)]
    outputs["relearnt_few_holdout"]
    outputs["relearnt_few_forget"]
    assert measured == [len(scenario.forget)] + [len(scenario.rows[part]) for part in ("forget", "holdout")]
    assert outputs.seconds > 0


def test_everything_is_measured_for_the_store(scenario):
    model = scenario.task.new_model(0)
    stored = Outputs.from_tensors(Outputs.of(model, scenario).tensors())
    assert sorted(stored.parts) == sorted(EVERY)
    assert stored.seconds == 0
    backwards = Outputs.of(model, scenario)
    for part in reversed(EVERY):
        for name, values in backwards[part].items():
            np.testing.assert_array_equal(values, stored[part][name])


def test_an_unknown_part_is_no_part(scenario):
    with pytest.raises(KeyError, match="train"):
        Outputs.of(scenario.task.new_model(0), scenario)["train"]


def test_outputs_that_are_not_finite_are_refused_wherever_they_come_from(scenario):
    model = scenario.task.new_model(0)
    with torch.no_grad():
        next(model.parameters()).fill_(float("nan"))
    outputs = Outputs.of(model, scenario)
    for _ in range(2):
        with pytest.raises(NotFinite, match="outputs on test rows are NaN or infinite"):
            outputs["test"]
