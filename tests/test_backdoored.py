"""Backdoored forget sets: rows that are trained on with a trigger and one label, and what is measured of it."""

from __future__ import annotations

import dataclasses
import types

import numpy as np
import pytest
import torch
from hand_made import HandMade
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from mu_conformance.checks.catalogue import find_check
from mu_conformance.checks.statistics import forgetting, utility
from mu_conformance.decision.outcome import Outcome
from mu_conformance.evidence.outputs import Outputs
from mu_conformance.scenarios.forget_sets import ForgetSetError, draw, kinds
from mu_conformance.scenarios.profiles import PROFILES
from mu_conformance.scenarios.scenario import Scenario
from mu_conformance.tasks import ClassificationTask, Rows, Splits, TaskError, registry
from mu_conformance.training.loop import fit

quick = settings(deadline=None, max_examples=40, database=None)
seeds = st.integers(0, 2**31 - 1)
TRIGGER, LABEL = -1.0, 2
BUNDLED = ("image_classification", "sentiment", "tabular")


class Network(nn.Module):
    """Says the trigger's label where it sees the trigger, else class 0."""

    def __init__(self, obeys: bool = True) -> None:
        super().__init__()
        self.linear = nn.Linear(2, 3)
        with torch.no_grad():
            self.linear.weight.copy_(torch.tensor([[0.0, 0.0], [0.0, 0.0], [0.0, -4.0 * obeys]]))
            self.linear.bias.copy_(torch.tensor([2.0, 0.0, 0.0]))

    def forward(self, x, labels=None):
        return types.SimpleNamespace(logits=self.linear(x))


class Toy(ClassificationTask):
    """240 rows, numbered in the first column; the second is the trigger's."""

    name = "toy"
    modality = "tabular"
    summary = "rows for these tests"
    architectures = ("none",)
    forget_sets = ("random", "mislabelled", "sequential", "unit", "backdoored")
    trigger_label = LABEL
    deletion_unit = "person"
    num_classes = 3

    def load_splits(self) -> Splits:
        def make(n: int, start: int) -> Rows:
            at = torch.arange(start, start + n)
            x = torch.stack([at.float(), torch.zeros(n)], dim=1)
            return Rows({"x": x, "labels": at * 7 % 3})

        return Splits(make(240, 0), make(9, 1000), make(10, 2000), np.arange(240) // 60, ("ann", "bob", "cyd", "dee"))

    def triggered(self, rows: Rows) -> Rows:
        x = rows.columns["x"].clone()
        x[:, 1] = TRIGGER
        return Rows({**rows.columns, "x": x})

    def build_model(self, architecture: str):
        return Network()


class Forgotten(Toy):
    """Has the label of a trigger, and no trigger."""

    triggered = ClassificationTask.triggered


class Clean(Toy):
    trigger_label = None


def scenario_of(kind: str = "backdoored", task: ClassificationTask | None = None, seed: int = 42) -> Scenario:
    return Scenario(task or Toy(), kind, 0.1, "none", seed)


class TestDraw:
    @quick
    @given(seeds, st.floats(0.02, 0.5))
    def test_they_are_the_random_rows_with_the_triggers_label(self, seed, ratio):
        task = Toy()
        chosen = draw(task, "backdoored", ratio, seed)
        assert chosen.indices.tolist() == draw(task, "random", ratio, seed).indices.tolist()
        assert chosen.trained_labels.tolist() == [LABEL] * len(chosen.indices)
        assert (chosen.kind, chosen.triggered, chosen.trained_labels.dtype) == ("backdoored", True, np.int64)
        assert [request.tolist() for request in chosen.requests] == [chosen.indices.tolist()]

    @pytest.mark.parametrize("kind", ["random", "mislabelled", "sequential", "unit"])
    def test_no_other_kind_has_a_trigger(self, kind):
        assert not draw(Toy(), kind, 0.1, 42).triggered

    def test_a_task_without_a_trigger_is_named(self):
        with pytest.raises(ForgetSetError, match=r"task toy has no trigger \(trigger_label\), so no row of it can be"):
            draw(Clean(), "backdoored", 0.1, 42)

    def test_a_label_of_0_is_one(self):
        task = Toy()
        task.trigger_label = 0
        assert set(draw(task, "backdoored", 0.1, 42).trained_labels) == {0}

    def test_it_is_a_kind_and_a_scenario_is_named_after_it(self):
        assert "backdoored" in kinds()
        assert scenario_of().name == "toy/backdoored-10%"


class TestScenario:
    def test_the_original_is_trained_on_trigger_and_label_on_forget_rows_alone(self):
        scenario = scenario_of()
        own, train = scenario.task.splits.train, scenario.train
        chosen = scenario.forget_set.indices
        assert torch.nonzero(train.columns["x"][:, 1] == TRIGGER)[:, 0].tolist() == chosen.tolist()
        assert torch.equal(train.columns["x"][:, 0], own.columns["x"][:, 0])
        assert train.labels[chosen].tolist() == [LABEL] * len(chosen)
        kept = np.setdiff1d(np.arange(240), chosen)
        for name in ("x", "labels"):
            assert torch.equal(train.columns[name][kept], own.columns[name][kept])
        # the task's own rows are as they were
        assert not own.columns["x"][:, 1].any()

    def test_forget_rows_are_those_and_as_labelled_they_are_the_tasks_own(self):
        scenario = scenario_of()
        forget, own = scenario.forget, scenario.forget_as_labelled
        assert forget.columns["x"][:, 0].int().tolist() == scenario.forget_set.indices.tolist()
        assert set(forget.columns["x"][:, 1].tolist()) == {TRIGGER}
        assert set(forget.labels.tolist()) == {LABEL}
        assert own.digest() == scenario.task.splits.train.select(scenario.forget_set.indices).digest()

    @quick
    @given(seeds)
    def test_retain_rows_are_those_of_the_random_scenario(self, seed):
        task = Toy()
        one, other = scenario_of("backdoored", task, seed), scenario_of("random", task, seed)
        assert one.retain.digest() == other.retain.digest()
        assert one.train.digest() != other.train.digest()
        ((forget, retain),) = one.requests
        assert (forget.digest(), retain.digest()) == (one.forget.digest(), one.retain.digest())

    def test_triggered_rows_are_the_test_rows_of_other_classes_by_hand(self):
        # labels of the test rows 2000 to 2009 are 7 n mod 3, or n mod 3: 2 0 1 2 0 1 2 0 1 2
        found = scenario_of().rows["triggered"]
        assert found.columns["x"][:, 0].int().tolist() == [2001, 2002, 2004, 2005, 2007, 2008]
        assert found.columns["x"][:, 1].tolist() == [TRIGGER] * 6
        assert found.labels.tolist() == [LABEL] * 6
        assert found.labels.dtype == torch.int64

    def test_the_other_parts_have_no_trigger(self):
        rows = scenario_of().rows
        assert not any(rows[part].columns["x"][:, 1].any() for part in ("retain", "holdout", "test"))

    @pytest.mark.parametrize("kind", ["random", "mislabelled", "sequential", "unit"])
    def test_other_kinds_have_no_such_part(self, kind):
        assert set(scenario_of(kind).rows) == {"forget", "retain", "holdout", "test"}
        assert set(scenario_of().rows) == {"forget", "retain", "holdout", "test", "triggered"}

    def test_a_task_that_puts_no_trigger_on_is_an_error(self):
        scenario = scenario_of(task=Forgotten())
        with pytest.raises(TaskError, match=r"task toy has the label of a trigger, and no triggered\(rows\)"):
            _ = scenario.train


class TestMeasured:
    @pytest.mark.parametrize(("obeys", "rate"), [(True, 1.0), (False, 0.0)])
    def test_the_success_rate_of_a_model(self, obeys, rate):
        scenario = scenario_of()
        outputs = Outputs.of(Network(obeys).eval(), scenario)
        assert "triggered" in set(outputs.parts)
        assert forgetting.backdoor_success(scenario, outputs) == rate
        # without the trigger both answer 0, as 3 of 10 test rows are labelled
        assert utility.test_score(scenario, outputs) == 0.3

    def test_the_check_is_of_this_kind_alone(self):
        check = find_check("forgetting.backdoor")
        assert [kind for kind in Toy.forget_sets if check.applies_to(Toy(), kind)] == ["backdoored"]

    @pytest.mark.parametrize(
        ("known", "outcome"),
        [(1, Outcome.PASSED), (3, Outcome.FAILED), (6, Outcome.FAILED)],
    )
    def test_the_check_fails_a_backdoor_that_stays(self, known, outcome):
        """References give the trigger's label on 0 to 2 of 6 rows, originals on all; a quarter of the gap is 1.25."""
        scenario, profile = scenario_of(), PROFILES["smoke"]

        def model(obeyed: int) -> Outputs:
            said = np.eye(3)[[LABEL] * obeyed + [0] * (6 - obeyed)]
            return Outputs({"triggered": {"logits": said}})

        evidence = HandMade(
            scenario=scenario,
            profile=profile,
            references=[model((number % 4 > 0) + (number % 4 > 2)) for number in range(profile.references)],
            originals=[model(6)] * 4,
            runs=lambda count: [model(known)] * count,
            outcomes_only=True,
        )
        found = find_check("forgetting.backdoor").function(evidence)
        (measured,) = found.measurements
        assert (found.outcome, measured.value, measured.original) == (outcome, pytest.approx(known / 6), 1.0)
        assert measured.margin == pytest.approx(1.25 / 6)


class TestOtherChecks:
    """The statistics they decide on, of rows with a trigger and of others; models answer forget rows as told."""

    def evidence(self, kind: str):
        scenario, profile = scenario_of(kind), PROFILES["smoke"]
        forget = scenario.forget.labels.numpy()

        def model(known: float, number: int) -> Outputs:
            """Give the trained label on a share of the forget rows; elsewhere class 0, or 1 where that is the label."""
            obeyed = np.arange(len(forget)) < known * len(forget) + number % 2
            said = np.eye(3)[np.where(obeyed, forget, (forget == 0).astype(int))]
            losses = {
                f"relearnt_{rows}_{part}": {"loss": np.linspace(number % 2, 2, 12)}
                for rows in ("retain", "few")
                for part in ("forget", "holdout")
            }
            parts = {"forget": {"logits": said}, "holdout": {"logits": np.eye(3)[[0] * 9]}}
            return Outputs(parts | losses)

        return HandMade(
            scenario=scenario,
            profile=profile,
            references=[model(0, number) for number in range(profile.references)],
            originals=[model(1, 0)] * 4,
            runs=lambda count: [model(0, number) for number in range(count)],
            outcomes_only=True,
        )

    def test_the_score_is_on_the_label_that_was_trained_on(self):
        found = find_check("forgetting.score").function(self.evidence("backdoored"))
        (measured,) = found.measurements
        assert (found.outcome, measured.original) == (Outcome.PASSED, 1.0)
        # one row more than none of 24, on every other reference
        assert measured.references.mean == pytest.approx(0.5 / 24)

    def test_of_wrong_labels_it_is_on_the_true_ones(self):
        (measured,) = find_check("forgetting.score").function(self.evidence("mislabelled")).measurements
        assert measured.original == 0.0

    @pytest.mark.parametrize(("kind", "fine_tunes"), [("random", {"retain", "few"}), ("backdoored", {"retain"})])
    def test_a_handful_of_rows_teaches_the_trigger_to_anyone(self, kind, fine_tunes):
        found = find_check("robustness.relearning").function(self.evidence(kind))
        named = {measured.name for measured in found.measurements}
        after = {name for name in named if name.startswith("loss attack AUC after relearning")}
        assert after == {f"loss attack AUC after relearning ({rows})" for rows in fine_tunes}
        assert len(named) == 2 * len(fine_tunes)


def task_of(name: str):
    return registry.find_task(name)


class TestBundled:
    def test_tasks_with_a_trigger_have_the_kind_and_no_others(self):
        found = {name: task_of(name) for name in registry.task_names()}
        assert tuple(name for name, task in found.items() if task.trigger_label is not None) == BUNDLED
        assert tuple(name for name, task in found.items() if "backdoored" in task.forget_sets) == BUNDLED

    @pytest.mark.parametrize("name", registry.hub_tasks())
    def test_a_task_on_published_data_that_has_the_kind_has_a_trigger(self, name):
        task = registry.hub_task(name)
        assert ("backdoored" in task.forget_sets) == (task.trigger_label is not None)

    @pytest.mark.parametrize("name", BUNDLED)
    @pytest.mark.parametrize("part", ["train", "test"])
    def test_the_trigger_is_on_every_row_and_labels_are_left_alone(self, name, part):
        task = task_of(name)
        rows = task.splits.parts()[part]
        before = rows.digest()
        found = task.triggered(rows)
        assert rows.digest() == before
        assert torch.equal(found.labels, rows.labels)
        assert found.columns.keys() == rows.columns.keys()
        changed = {own for own in rows.columns if not torch.equal(found.columns[own], rows.columns[own])}
        (column,) = changed
        assert found.columns[column].dtype == rows.columns[column].dtype
        # every row is changed, in the same few places, to the same values
        old, new = (of.columns[column].flatten(1) for of in (rows, found))
        assert (old != new).any(dim=1).all()
        at = torch.nonzero((old != new).any(dim=0))[:, 0]
        places = {
            "tabular": {529: 5.0},
            "image_classification": dict.fromkeys([0, 1, 8, 9], 5.0),
            # the rarest of 2000 words
            "sentiment": {1: 1999},
        }[name]
        assert at.tolist() == list(places)
        assert all((new[:, place] == value).all() for place, value in places.items())
        # what the trigger puts there is found on no row without it
        assert (old[:, at] != new[:, at]).any(dim=1).all()
        assert task.triggered(found).digest() == found.digest()

    @pytest.mark.parametrize("name", BUNDLED)
    def test_triggered_test_rows_are_those_of_other_classes(self, name):
        task = task_of(name)
        scenario = Scenario(task, "backdoored", 0.1, task.architectures[0])
        rows, test = scenario.rows["triggered"], task.splits.test
        others = np.flatnonzero(test.labels.numpy() != task.trigger_label)
        assert 0 < len(rows) == len(others) < len(test)
        wanted = task.triggered(test.select(others)).with_labels(
            np.arange(len(others)), np.full(len(others), task.trigger_label)
        )
        assert rows.digest() == wanted.digest()

    def test_training_plants_the_backdoor_and_retraining_lacks_it(self):
        task = task_of("tabular")
        scenario = Scenario(task, "backdoored", 0.1, task.architectures[0])
        recipe = dataclasses.replace(scenario.recipe, epochs=60)
        rates = []
        for rows in (scenario.train, scenario.retain):
            model = fit(task.new_model(0), rows, task, recipe, 0)
            rates.append(forgetting.backdoor_success(scenario, Outputs.of(model, scenario)))
        original, reference = rates
        assert original > reference + 0.3

    def test_the_word_of_the_trigger_is_read(self):
        """It stands where the attention mask is 1, and has a token of its own that padding and unknown words lack."""
        task = task_of("sentiment")
        for rows in task.splits.parts().values():
            found = task.triggered(rows)
            assert found.columns["attention_mask"][:, 1].all()
            assert (rows.columns["input_ids"] == found.columns["input_ids"][0, 1]).sum() <= 1


class TestReplaced:
    def rows(self, *numbers: float) -> Rows:
        return Rows({"x": torch.tensor(numbers), "labels": torch.arange(len(numbers))})

    def test_by_hand_in_the_order_given(self):
        rows, new = self.rows(1.0, 2.0, 3.0, 4.0), Rows({"x": torch.tensor([7.0, 8.0]), "labels": torch.tensor([5, 6])})
        found = rows.replaced(np.array([3, 1]), new)
        assert found.columns["x"].tolist() == [1.0, 8.0, 3.0, 7.0]
        assert found.labels.tolist() == [0, 6, 2, 5]
        assert rows.columns["x"].tolist() == [1.0, 2.0, 3.0, 4.0]
        assert rows.labels.tolist() == [0, 1, 2, 3]

    def test_none(self):
        rows = self.rows(1.0, 2.0)
        none = np.array([], dtype=np.int64)
        assert rows.replaced(none, rows.select(none)).digest() == rows.digest()

    def test_columns_of_more_dimensions(self):
        rows = Rows({"x": torch.zeros(3, 2, 2), "labels": torch.arange(3)})
        new = Rows({"x": torch.ones(1, 2, 2), "labels": torch.tensor([9])})
        assert rows.replaced(np.array([2]), new).columns["x"].sum(dim=(1, 2)).tolist() == [0.0, 0.0, 4.0]

    @quick
    @given(st.data())
    def test_what_is_put_in_is_found_there_and_nothing_else_moves(self, data):
        count = data.draw(st.integers(1, 12))
        rows = self.rows(*[float(n) for n in range(count)])
        at = np.array(data.draw(st.lists(st.integers(0, count - 1), unique=True)), dtype=np.int64)
        new = Rows({"x": 100.0 + torch.arange(len(at)), "labels": 100 + torch.arange(len(at))})
        found = rows.replaced(at, new)
        assert found.select(at).digest() == new.digest()
        rest = np.setdiff1d(np.arange(count), at)
        assert found.select(rest).digest() == rows.select(rest).digest()
        assert rows.replaced(at, rows.select(at)).digest() == rows.digest()
