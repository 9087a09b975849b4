"""A recipe of the author's own: how it is given, and what references made by it must be."""

from __future__ import annotations

import pytest

from mu_conformance import TrainingRecipe
from mu_conformance.adapters.describing import recipe_of
from mu_conformance.decision.outcome import Fault, Outcome
from mu_conformance.discovery import MethodError
from mu_conformance.protocol.recipe import overrides


class TestOverrides:
    @pytest.mark.parametrize(
        "given",
        [
            "epochs=30, learning_rate=0.01",
            {"learning_rate": 0.01, "epochs": "30"},
            {"epochs": 30, "learning_rate": "1e-2"},
        ],
    )
    def test_some_fields(self, given):
        assert overrides(given) == (("epochs", 30), ("learning_rate", 0.01))

    def test_all_fields_of_a_recipe(self):
        given = TrainingRecipe(epochs=3, batch_size=8, learning_rate=0.1, gradient_clip=None)
        assert dict(overrides(given))["batch_size"] == 8
        assert dict(overrides("gradient_clip=none")) == {"gradient_clip": None}

    @pytest.mark.parametrize(
        ("given", "said"),
        [
            ("momentum=0.9", "has no 'momentum'; its fields are epochs, batch_size"),
            ("epochs=many", "epochs cannot be 'many'"),
            ({"learning_rate": -1}, "positive epochs"),
            ({"schedule": "cosine"}, "unknown schedule 'cosine'"),
            (3, "got int"),
        ],
    )
    def test_a_bad_one_is_named(self, given, said):
        with pytest.raises(ValueError, match=said):
            overrides(given)

    def test_a_method_says_its_own(self):
        class Method:
            recipe = {"epochs": 7}

        assert recipe_of(Method()) == (("epochs", 7),)
        assert recipe_of(object()) == ()
        Method.recipe = {"epoch": 7}
        with pytest.raises(MethodError, match="has no 'epoch'"):
            recipe_of(Method())


@pytest.fixture
def finding(judging):
    from toy_task import ToyTask

    def of(recipe):
        task = ToyTask()
        session = judging("mu_conformance.methods:Retrain", task, recipe=overrides(recipe))
        scenario = session.scenarios("toy")[0].name
        (entry,) = [
            entry
            for entry in session.entries(task)
            if (entry.check, entry.scenario) == ("privacy.membership-loss", scenario)
        ]
        return session.finding(entry), session.evidence("toy", scenario)

    return of


def test_references_are_trained_by_it_and_originals_are_not(finding):
    found, evidence = finding("epochs=30")
    assert found.outcome is Outcome.PASSED, found.message
    scenario = evidence.scenario
    assert (scenario.recipe.epochs, scenario.retrained.recipe.epochs) == (40, 30)
    keys = [
        evidence.populations.model_key(one, scenario.retain, scenario.reference_seed(0))
        for one in (scenario, scenario.retrained)
    ]
    assert len(set(keys)) == 2


def test_one_that_is_not_as_good_proves_nothing_and_is_the_authors(finding):
    found, _ = finding("epochs=1, learning_rate=1e-6")
    assert (found.outcome, found.fault) == (Outcome.ERROR, Fault.METHOD)
    assert "a recipe that is not as good" in found.message
