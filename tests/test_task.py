"""Rows, the checks on a task's data, and the embedded tasks themselves."""

from __future__ import annotations

import hashlib
import itertools
import types

import numpy as np
import pytest
import torch
from torch import nn

from mu_conformance.discovery import load_object
from mu_conformance.scenarios.profiles import PROFILES
from mu_conformance.scenarios.scenario import scenario_names
from mu_conformance.tasks import ClassificationTask, DiffusionTask, Rows, Splits, TaskError, TaskView, registry


def rows(**columns) -> Rows:
    return Rows({name: torch.as_tensor(column) for name, column in columns.items()})


class TestRows:
    def test_no_column(self):
        with pytest.raises(TaskError, match="at least one column"):
            Rows({})

    def test_ragged_columns_are_named_with_their_lengths(self):
        with pytest.raises(TaskError, match=r"columns of different lengths: \{'x': 3, 'labels': 2\}"):
            rows(x=[1, 2, 3], labels=[0, 1])

    @pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
    def test_a_value_that_is_not_finite_names_its_column(self, value):
        with pytest.raises(TaskError, match="column 'x' holds NaN or infinite"):
            rows(x=[0.0, value], labels=[0, 1])

    def test_they_are_a_map_style_dataset(self):
        data = rows(x=[[1.0, 2.0], [3.0, 4.0]], labels=[0, 1])
        assert len(data) == 2
        assert data[1]["x"].tolist() == [3.0, 4.0]
        assert data[-1]["labels"].item() == 1
        with pytest.raises(IndexError, match="out of"):
            data[2]
        assert [row["labels"].item() for row in data] == [0, 1]

    def test_select_and_batch_keep_the_order_asked_for(self):
        data = rows(x=[10, 11, 12, 13], labels=[0, 1, 0, 1])
        assert data.select([3, 0, 0]).columns["x"].tolist() == [13, 10, 10]
        assert data.batch(torch.tensor([2, 1]))["x"].tolist() == [12, 11]
        assert len(data.select(np.array([], dtype=int))) == 0

    def test_batches_go_through_all_rows_in_order(self):
        data = rows(x=list(range(7)))
        assert [batch["x"].tolist() for batch in data.batches(3)] == [[0, 1, 2], [3, 4, 5], [6]]

    def test_with_labels_copies(self):
        data = rows(x=[1.0, 2.0, 3.0], labels=[0, 1, 2])
        changed = data.with_labels(np.array([2, 0]), np.array([5, 6]))
        assert changed.labels.tolist() == [6, 1, 5]
        assert data.labels.tolist() == [0, 1, 2]
        assert changed.labels.dtype == torch.int64
        assert changed.columns["x"].tolist() == [1.0, 2.0, 3.0]

    def test_labels_are_asked_for_by_name(self):
        with pytest.raises(TaskError, match="no column 'labels'"):
            _ = rows(x=[1]).labels

    @pytest.mark.parametrize(
        "other",
        [
            rows(x=[[1.0, 2.0]], labels=[1]),
            rows(x=[[1.0, 2.5]], labels=[0]),
            rows(y=[[1.0, 2.0]], labels=[0]),
            rows(x=torch.tensor([[1.0, 2.0]], dtype=torch.float64), labels=[0]),
            rows(x=[[[1.0], [2.0]]], labels=[0]),
            rows(x=[[1.0, 2.0]]),
            rows(x=[[2.0, 1.0]], labels=[0]),
        ],
        ids=["label", "value", "name", "dtype", "shape", "missing", "order"],
    )
    def test_the_digest_sees_every_kind_of_change(self, other):
        assert other.digest() != rows(x=[[1.0, 2.0]], labels=[0]).digest()

    def test_the_digest_sees_the_order_of_rows_but_not_of_columns(self):
        data = rows(x=[1, 2], labels=[0, 1])
        assert data.select([1, 0]).digest() != data.digest()
        assert rows(labels=[0, 1], x=[1, 2]).digest() == data.digest()
        assert data.select([0, 1]).digest() == data.digest()

    def test_the_digest_of_a_view_is_that_of_its_values(self):
        base = torch.arange(6.0).reshape(2, 3)
        assert Rows({"x": base.T}).digest() == Rows({"x": base.T.clone()}).digest()


class Linear(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(2, 3)
        self.dropout = nn.Dropout(0.5)

    def forward(self, x, labels=None):
        assert labels is None or len(labels) == len(x)
        logits = self.linear(self.dropout(x))
        loss = nn.functional.cross_entropy(logits, labels) if labels is not None else None
        return types.SimpleNamespace(logits=logits, loss=loss)


class Toy(ClassificationTask):
    name = "toy"
    modality = "tabular"
    summary = "rows for these tests"
    architectures = ("linear", "other")
    num_classes = 3

    def __init__(self, **parts: Rows) -> None:
        good = rows(x=torch.randn(6, 2, generator=torch.Generator().manual_seed(0)), labels=[0, 1, 2, 0, 1, 2])
        self.parts = {"train": good, "holdout": good, "test": good, **parts}
        self.loads = 0

    def load_splits(self) -> Splits:
        self.loads += 1
        return Splits(**self.parts)

    def build_model(self, architecture: str) -> nn.Module:
        assert architecture in self.architectures
        return Linear()


@pytest.mark.parametrize("part", ["train", "holdout", "test"])
class TestCheckedSplits:
    def test_empty(self, part):
        with pytest.raises(TaskError, match=f"task toy: the {part} rows are empty"):
            _ = Toy(**{part: rows(x=torch.zeros(0, 2), labels=torch.zeros(0, dtype=torch.int64))}).splits

    def test_missing_labels(self, part):
        with pytest.raises(TaskError, match=f"task toy: the {part} rows have no column 'labels'"):
            _ = Toy(**{part: rows(x=torch.zeros(2, 2))}).splits

    @pytest.mark.parametrize("labels", [torch.zeros(2), torch.zeros(2, dtype=torch.int32), torch.zeros(2, 1).long()])
    def test_labels_of_another_type_or_shape(self, part, labels):
        with pytest.raises(TaskError, match=rf"labels of the {part} rows must be int64 \[n\]"):
            _ = Toy(**{part: rows(x=torch.zeros(2, 2), labels=labels)}).splits

    @pytest.mark.parametrize("label", [-1, 3])
    def test_labels_out_of_range(self, part, label):
        with pytest.raises(TaskError, match=rf"a label of the {part} rows lies outside 0\.\.2"):
            _ = Toy(**{part: rows(x=torch.zeros(2, 2), labels=[0, label])}).splits


def test_a_class_without_train_rows_is_named():
    with pytest.raises(TaskError, match="task toy: class 1 has no train rows"):
        _ = Toy(train=rows(x=torch.zeros(2, 2), labels=[0, 2])).splits


class TestRowsOfADataset:
    def test_numbers_arrays_and_tensors_become_columns(self):
        made = Rows.of([{"x": np.float32([1, 2]), "labels": 1}, {"x": torch.tensor([3.0, 4.0]), "labels": 0}])
        assert made.columns["x"].tolist() == [[1, 2], [3, 4]]
        assert made.labels.dtype == torch.int64
        assert Rows.of(made) is made

    @pytest.mark.parametrize(
        ("dataset", "says"),
        [
            ([], "no rows"),
            (7, "a dataset with a length, got int"),
            ([[1.0]], "row 0 must be a dict of tensors, got list"),
            ([{"x": 1.0, "labels": 0}, {"x": 1.0}], "row 1 and row 0 differ in the columns labels"),
            ([{"x": [1.0]}, {"x": [1.0, 2.0]}], r"row 1: column 'x' has the shape \[2\], in row 0 \[1\]; pad"),
            ([{"x": [1.0, [2.0]]}], "row 0: column 'x' holds no numbers but list"),
            ([{"x": 1.0}, {"x": "word"}], "row 1: column 'x' holds no numbers but str"),
            ([{"x": 1.0}, {"x": None}], "row 1: column 'x' holds no numbers but NoneType"),
            ([{"x": 1.0}, {"x": float("nan")}], "row 1: column 'x' holds NaN or infinite"),
            ([{"x": 1.0}, {"x": 1}], "row 1: column 'x' is torch.int64, in row 0 torch.float32"),
        ],
    )
    def test_a_row_that_does_not_fit_is_named(self, dataset, says):
        with pytest.raises(TaskError, match=says):
            Rows.of(dataset)

    def test_a_task_may_give_datasets_and_its_errors_name_the_task_and_the_part(self):
        good = [{"x": torch.ones(2), "labels": label} for label in (0, 1, 2)]
        assert len(Toy(train=good).splits.train) == 3
        with pytest.raises(TaskError, match="task toy: holdout rows: row 1: column 'x' has the shape"):
            _ = Toy(holdout=[good[0], {**good[1], "x": torch.ones(3)}]).splits


class TestTask:
    def test_the_data_are_loaded_once(self):
        task = Toy()
        assert task.splits is task.splits
        assert task.loads == 1

    def test_a_new_model_is_a_function_of_its_seed(self):
        states = []
        for ambient, seed in ((1, 5), (2, 5), (1, 6)):
            torch.manual_seed(ambient)
            before = torch.get_rng_state()
            model = Toy().new_model(seed)
            assert torch.equal(torch.get_rng_state(), before)
            assert not model.training
            states.append(model.linear.weight)
        assert torch.equal(states[0], states[1])
        assert not torch.equal(states[0], states[2])

    def test_logits_are_of_the_evaluation_mode_and_do_not_depend_on_the_batches(self):
        task = Toy()
        model = task.new_model(0).train()
        data = task.splits.test
        expected = model.linear(data.columns["x"]).detach()
        for size in (1, 4, 256):
            torch.testing.assert_close(task.logits_of(model, data, size), expected)
        assert model.training
        assert not task.logits_of(model.eval(), data).requires_grad
        assert not model.training

    def test_where_another_process_finds_it(self):
        task = registry.find_task("sentiment")
        assert type(load_object(task.ref, "task")()) is type(task)


class TestRequestTask:
    def test_new_models_are_before_training_with_the_frozen_weights_of_the_original(self):
        task = Toy()
        original = task.new_model(1).linear.bias.detach() + 1
        request = TaskView(task, "other", {"linear.bias": original})
        model = request.new_model(5)
        assert torch.equal(model.linear.bias, original)
        assert not model.linear.bias.requires_grad
        assert torch.equal(model.linear.weight, task.new_model(5).linear.weight)
        assert model.linear.weight.requires_grad
        # a copy: training the one must not change the other
        model.linear.bias.data.zero_()
        assert torch.equal(request.new_model(5).linear.bias, task.new_model(1).linear.bias + 1)

    def test_it_gives_the_tasks_loss(self):
        task = Toy()
        model, batch = task.new_model(0), task.splits.train.columns
        assert torch.equal(TaskView(task, "linear").loss(model, batch), model(**batch).loss)

    def test_collate_stacks(self):
        data = rows(x=[[1.0, 2.0], [3.0, 4.0]], labels=[0, 1])
        batch = TaskView.collate([data[1], data[0]])
        assert batch["x"].tolist() == [[3.0, 4.0], [1.0, 2.0]]
        assert batch["labels"].tolist() == [1, 0]


TASKS = sorted(registry.tasks())
CLASSIFICATION = [name for name, task in sorted(registry.tasks().items()) if isinstance(task, ClassificationTask)]
SIZES = {
    # 10 actors, 10 actions, 4 takes, and 8 to test on
    "action_recognition": (400, 400, 800),
    # 24, 20 and 12 people of 8 attributes with 3 items each
    "biography": (24 * 24, 20 * 24, 12 * 24),
    "image_classification": (600, 500, 1797 - 600 - 500),
    # 28 trained-on speakers, of whom every fourth gives all three takes of ten words, the others one; 20 unheard ones.
    "keyword_spotting": (21 * 10 + 7 * 30, 20 * 10, 20 * 20),
    "relation_extraction": (500, 500, 900),
    "sentiment": (600, 600, 997),
    # 27 dialogues opened by each of 12 people
    "summarization": (340, 300, 150),
    # 10 clinics of 20 patients each for train and holdout, of 569
    "tabular": (200, 200, 169),
    "text_to_image": (240, 300, 100),
    # 12 annotators
    "visual_reasoning": (12 * 36, 12 * 36, 12 * 30),
}
EXPENSIVE = {"biography", "summarization", "text_to_image", "visual_reasoning"}
PARTS = ("train", "holdout", "test")
EVEN_UNITS = {
    "action_recognition": (10, 40),
    "biography": (24, 24),
    "relation_extraction": (10, 50),
    "sentiment": (12, 50),
    "summarization": (10, 34),
    "tabular": (10, 20),
    "visual_reasoning": (12, 36),
}
"""How many deletion units there are, and the training rows of each. Speakers of keyword_spotting say more or less, and
digits occur as they do."""


def contents(data: Rows) -> set[str]:
    """A digest of each row, its label included."""
    return {
        hashlib.sha256(b"".join(column.numpy().tobytes() for _, column in sorted(data[i].items()))).hexdigest()
        for i in range(len(data))
    }


PAIRS = [(name, *pair) for name, pair in itertools.product(TASKS, itertools.combinations(PARTS, 2))]


@pytest.mark.parametrize("name", TASKS)
class TestEmbedded:
    def test_sizes(self, name):
        splits = registry.find_task(name).splits
        assert tuple(len(getattr(splits, part)) for part in PARTS) == SIZES[name]

    def test_the_data_are_the_same_on_every_load(self, name):
        task = registry.find_task(name)
        again = task.load_splits()
        for part in PARTS:
            assert getattr(again, part).digest() == getattr(task.splits, part).digest()

    def test_a_unit_that_may_be_deleted_is_within_the_default_claim(self, name):
        task = registry.find_task(name)
        splits = task.splits
        if "unit" not in task.forget_sets:
            assert task.deletion_unit is None
            return
        assert task.deletion_unit
        assert len(splits.units) == len(splits.train)
        sizes = np.bincount(splits.units, minlength=len(splits.unit_names))
        for unit in splits.deletable_units or range(len(splits.unit_names)):
            assert 0 < sizes[unit] <= len(splits.train) / 10, splits.unit_names[unit]

    def test_smoke_judges_one_or_two_kinds_and_the_other_profiles_all(self, name):
        task = registry.find_task(name)
        asked = {profile.name: scenario_names(task, profile) for profile in PROFILES.values()}
        assert len(asked["smoke"]) == (1 if name in EXPENSIVE else 2)
        assert asked["standard"] == asked["thorough"]
        assert len(asked["standard"]) == len(task.forget_sets) >= 4
        assert asked["smoke"] == asked["standard"][: len(asked["smoke"])]

    def test_what_is_masked_is_padding_and_nothing_else_is(self, name):
        for rows in registry.find_task(name).splits.parts().values():
            if "attention_mask" in rows.columns:
                assert torch.equal(rows.columns["attention_mask"], (rows.columns["input_ids"] != 0).long())

    def test_models_are_a_function_of_the_seed(self, name):
        task = registry.find_task(name)
        one, same, other = (task.new_model(seed).state_dict() for seed in (1, 1, 2))
        assert all(torch.equal(one[key], same[key]) for key in one)
        assert any(not torch.equal(one[key], other[key]) for key in one)

    def test_the_model_takes_the_rows(self, name):
        task = registry.find_task(name)
        model, few = task.new_model(0), task.splits.train.select(range(8))
        answers = task.logits_of(model, few)
        assert len(answers) == 8
        assert torch.isfinite(answers).all()
        kept = {kind: value.numpy() for kind, value in task.outputs(model, few).items()}
        for measure in (task.losses, task.confidences, task.scores):
            values = measure(kept, few)
            assert values.shape == (8,)
            assert np.isfinite(values).all()
        # log squared errors may be negative; negative log-likelihoods of labels and tokens may not
        assert isinstance(task, DiffusionTask) or (task.losses(kept, few) >= 0).all()
        assert ((task.scores(kept, few) >= 0) & (task.scores(kept, few) <= 1)).all()
        assert task.predictions(kept).shape == (8,)
        assert ((task.probabilities(kept) >= 0) & (task.probabilities(kept) <= 1)).all()
        loss = task.loss(model, few.columns)
        assert loss.ndim == 0
        loss.backward()
        assert all(p.grad is None or torch.isfinite(p.grad).all() for p in model.parameters())

    def test_what_is_kept_of_the_answers_depends_neither_on_the_batches_nor_on_chance(self, name, monkeypatch):
        task = registry.find_task(name)
        model, rows = task.new_model(0), task.splits.train.select(range(12))
        torch.manual_seed(1)
        before = torch.get_rng_state()
        whole = task.outputs(model, rows)
        assert torch.equal(torch.get_rng_state(), before)
        # Classifiers have no batch size of their own: test_architectures.py gives them batches.
        monkeypatch.setattr(task, "batch_size", 5, raising=False)
        torch.manual_seed(2)
        apart = task.outputs(model, rows)
        assert set(apart) == set(whole)
        for kind, value in whole.items():
            torch.testing.assert_close(apart[kind], value, rtol=1e-4, atol=1e-5)

    def test_every_architecture_builds_and_takes_the_rows(self, name):
        task = registry.find_task(name)
        few = task.splits.train.select(range(4))
        for architecture in task.architectures:
            assert torch.isfinite(task.logits_of(task.new_model(0, architecture), few)).all(), architecture

    def test_it_has_rows_of_another_distribution(self, name):
        splits = registry.find_task(name).splits
        assert splits.ood is not None
        assert splits.ood.digest() != splits.test.digest()


@pytest.mark.parametrize("name", CLASSIFICATION)
class TestEmbeddedClassification:
    def test_every_class_occurs_in_every_part(self, name):
        task = registry.find_task(name)
        for part in PARTS:
            assert set(getattr(task.splits, part).labels.tolist()) == set(range(task.num_classes))

    def test_the_model_gives_a_logit_for_each_class(self, name):
        task = registry.find_task(name)
        assert task.logits_of(task.new_model(0), task.splits.train.select(range(8))).shape == (8, task.num_classes)

    def test_holdout_rows_are_distributed_as_training_rows(self, name):
        # The attacks take holdout for "never trained on" and nothing else: the classes must be in like proportion.
        task = registry.find_task(name)
        shares = [np.bincount(getattr(task.splits, p).labels, minlength=task.num_classes) for p in ("train", "holdout")]
        train, holdout = (counts / counts.sum() for counts in shares)
        assert np.abs(train - holdout).max() < 0.05


@pytest.mark.parametrize(("name", "one", "other"), PAIRS)
def test_no_row_is_shared_between_the_parts(name, one, other):
    splits = registry.find_task(name).splits
    assert not contents(getattr(splits, one)) & contents(getattr(splits, other))


@pytest.mark.parametrize("name", EVEN_UNITS)
def test_units_are_as_many_and_as_large_as_stated(name):
    splits, (count, size) = registry.find_task(name).splits, EVEN_UNITS[name]
    assert np.bincount(splits.units).tolist() == [size] * count
    assert len(splits.unit_names) == count


# A penalty is part of the loss of tabular: test_task_tabular.py.
@pytest.mark.parametrize("name", [name for name in CLASSIFICATION if name != "tabular"])
def test_the_loss_is_cross_entropy_with_as_much_smoothing_as_the_fixture_states(name):
    task = registry.find_task(name)
    model, batch = task.new_model(0), task.splits.train.select(range(0, 400, 50)).columns
    log_probabilities = task.logits(model, batch).log_softmax(dim=1)
    own = log_probabilities.gather(1, batch["labels"][:, None]).mean()
    smoothing = getattr(task, "label_smoothing", 0.0)
    expected = -(1 - smoothing) * own - smoothing * log_probabilities.mean()
    assert task.loss(model, batch).item() == pytest.approx(expected.item(), rel=1e-5)
