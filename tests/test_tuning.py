"""Hyperparameters that were found for a task: what is given counts first, then what was found, then the default."""

from __future__ import annotations

import inspect
import itertools
import types

import pytest

from mu_conformance import methods
from mu_conformance.methods.parts import tuning
from mu_conformance.protocol.claims import Claims
from mu_conformance.tasks import registry


@pytest.fixture
def method(monkeypatch):
    monkeypatch.setattr(tuning, "_found", lambda: {"Shrink": {"known": {"rate": 0.5, "steps": 7}}})

    @tuning.tuned_defaults
    class Shrink:
        claims = Claims(max_ratio=0.5)

        def __init__(self, rate=0.1, steps=3):
            if steps < 1:
                raise ValueError("steps must be at least 1")
            self.rate, self.steps = rate, steps

        def unlearn(self, model, request):
            return self.rate, self.steps, model

    return Shrink


def unlearn(found, task: str):
    return found.unlearn("model", types.SimpleNamespace(task=types.SimpleNamespace(name=task)))


@pytest.mark.parametrize(
    ("given", "task", "used"),
    [
        ({}, "known", (0.5, 7)),
        ({"rate": 0.9}, "known", (0.9, 7)),
        ({"rate": 0.1}, "known", (0.1, 7)),
        ({}, "other", (0.1, 3)),
        ({"steps": 4}, "other", (0.1, 4)),
    ],
)
def test_what_is_given_then_what_was_found_then_the_default(method, given, task, used):
    assert unlearn(method(**given), task) == (*used, "model")


def test_a_positional_argument_is_given_too(method):
    assert unlearn(method(0.2), "known") == (0.2, 7, "model")


def test_the_constructor_stays_as_it_was(method):
    assert list(inspect.signature(method).parameters) == ["rate", "steps"]
    assert method.claims.max_ratio == 0.5
    with pytest.raises(ValueError, match="steps must be at least 1"):
        method(steps=0)
    with pytest.raises(TypeError, match="unexpected keyword argument 'step'"):
        method(step=1)


@pytest.mark.parametrize("name", dir(methods))
def test_what_is_searched_and_found_are_hyperparameters_of_the_method(name):
    cls = getattr(methods, name)
    parameters = inspect.signature(cls).parameters
    space = getattr(cls, "search", {})
    assert set(space) <= set(parameters)
    for values in itertools.product(*space.values()):
        cls(**dict(zip(space, values, strict=True)))
    for task, values in tuning._found().get(name, {}).items():
        assert task in registry.task_names()
        cls(**values)
