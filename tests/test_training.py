"""The training loop and the loader under it, on a model small enough to follow by hand."""

from __future__ import annotations

import itertools
import types
from collections.abc import Iterable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from mu_conformance.protocol.recipe import TrainingRecipe
from mu_conformance.tasks import BatchLoader, ClassificationTask, Rows, Splits, TaskView
from mu_conformance.training.loop import fit

quick = settings(deadline=None, max_examples=60, database=None)


class Linear(nn.Module):
    """Logits linear in two features; ``body`` and ``head`` so that one of them can be frozen."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Linear(2, 2)
        self.head = nn.Linear(2, 3)

    def forward(self, x, labels=None):
        logits = self.head(self.body(x))
        loss = nn.functional.cross_entropy(logits, labels) if labels is not None else None
        return types.SimpleNamespace(logits=logits, loss=loss)


class Toy(ClassificationTask):
    name = "toy"
    modality = "tabular"
    summary = "rows for these tests"
    architectures = ("linear",)
    num_classes = 3

    def load_splits(self) -> Splits:
        return Splits(rows_of(20), rows_of(5), rows_of(5))

    def build_model(self, architecture: str) -> nn.Module:
        return Linear()


def rows_of(n: int) -> Rows:
    generator = torch.Generator().manual_seed(n)
    return Rows({"x": torch.randn(n, 2, generator=generator), "labels": torch.arange(n) % 3})


TASK = Toy()
RECIPE = TrainingRecipe(epochs=3, batch_size=4, learning_rate=0.05)


def state(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


class Scalar(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.tensor(1.0))


class TestFit:
    def test_one_step_by_hand(self):
        # The gradient of mean(w * x) is mean x = 2, whatever the order. AdamW's first step moves by the learning rate
        # against the gradient's sign, after the decay: 1 * (1 - 0.1 * 0.5) - 0.1 = 0.85.
        rows = Rows({"x": torch.tensor([1.0, 3.0])})
        recipe = TrainingRecipe(1, 2, 0.1, weight_decay=0.5)
        model = fit(Scalar(), rows, TASK, recipe, 0, loss=lambda m, batch: (m.w * batch["x"]).mean())
        assert model.w.item() == pytest.approx(0.85, abs=1e-6)

    def test_two_steps_of_a_linear_schedule_by_hand(self):
        # A constant gradient keeps Adam's step at the learning rate: 0.1 first, then half of it. No decay.
        rows = Rows({"x": torch.tensor([1.0, 3.0])})
        recipe = TrainingRecipe(2, 2, 0.1, weight_decay=0.0)
        model = fit(Scalar(), rows, TASK, recipe, 0, loss=lambda m, batch: (m.w * batch["x"]).mean())
        assert model.w.item() == pytest.approx(1 - 0.1 - 0.05, abs=1e-6)

    @pytest.mark.parametrize("clip", [None, 0.05])
    @pytest.mark.parametrize("schedule", ["linear", "constant"])
    def test_it_is_torchs_adamw_under_the_recipes_schedule(self, clip, schedule):
        # Full batches, so that the shuffle only permutes rows inside a mean; plain AdamW, not the fused one.
        rows = rows_of(12)
        recipe = TrainingRecipe(6, 12, 0.1, weight_decay=0.3, schedule=schedule, warmup=0.34, gradient_clip=clip)
        theirs = TASK.new_model(3)
        optimiser = torch.optim.AdamW(theirs.parameters(), lr=1.0, weight_decay=0.3, fused=False)
        # warm-up over int(0.34 * 6) = 2 steps, then 4/4 ... 1/4
        rates = {"linear": [0.5, 1, 1, 0.75, 0.5, 0.25], "constant": [0.5, 1, 1, 1, 1, 1]}[schedule]
        for rate in rates:
            optimiser.param_groups[0]["lr"] = 0.1 * rate
            optimiser.zero_grad()
            theirs(**rows.columns).loss.backward()
            if clip:
                nn.utils.clip_grad_norm_(theirs.parameters(), clip)
            optimiser.step()
        own = fit(TASK.new_model(3), rows, TASK, recipe, 0)
        for name, tensor in theirs.state_dict().items():
            torch.testing.assert_close(own.state_dict()[name], tensor, atol=1e-5, rtol=1e-4)

    def test_clipping_is_felt(self):
        free = fit(TASK.new_model(0), rows_of(20), TASK, RECIPE, 0)
        clipped = fit(TASK.new_model(0), rows_of(20), TASK, TrainingRecipe(3, 4, 0.05, gradient_clip=0.01), 0)
        assert not equal(state(free), state(clipped))

    def test_frozen_parameters_are_bitwise_untouched(self):
        model = TASK.new_model(0)
        model.body.requires_grad_(False)
        before = state(model)
        fit(model, rows_of(20), TASK, TrainingRecipe(3, 4, 0.05, weight_decay=0.5), 0)
        for name, tensor in model.state_dict().items():
            assert torch.equal(tensor, before[name]) is name.startswith("body."), name

    def test_a_wholly_frozen_model_stays_as_it_is(self):
        model = TASK.new_model(0).requires_grad_(False).train()
        before = state(model)
        assert fit(model, rows_of(20), TASK, RECIPE, 0) is model
        assert equal(before, state(model))
        assert not model.training

    def test_no_rows_leave_the_model_as_it_is(self):
        model = TASK.new_model(0).train()
        before, steps = state(model), []
        assert fit(model, rows_of(20).select([]), TASK, RECIPE, 0, after_step=steps.append) is model
        assert equal(before, state(model))
        assert not model.training
        assert steps == []

    def test_the_seed_alone_decides(self):
        results = []
        for ambient, seed in ((1, 7), (2, 7), (1, 8)):
            torch.manual_seed(ambient)
            before = torch.get_rng_state()
            results.append(state(fit(TASK.new_model(0), rows_of(20), TASK, RECIPE, seed)))
            assert torch.equal(torch.get_rng_state(), before)
        assert equal(results[0], results[1])
        assert not equal(results[0], results[2])

    def test_a_plain_map_style_dataset_gives_the_same_as_rows(self):
        rows = rows_of(18)
        listed = [rows[i] for i in range(len(rows))]
        one, other = (fit(TASK.new_model(0), data, TASK, RECIPE, 5) for data in (rows, listed))
        assert equal(state(one), state(other))

    def test_it_trains_in_training_mode_and_returns_in_evaluation_mode(self):
        modes = []

        def loss(model, batch):
            modes.append(model.training)
            return TASK.loss(model, batch)

        assert not fit(TASK.new_model(0), rows_of(20), TASK, RECIPE, 0, loss=loss).training
        assert set(modes) == {True}

    def test_modules_that_stay_in_evaluation_mode_keep_their_statistics(self):
        # each without what is below it
        model = nn.Sequential(nn.BatchNorm1d(2), nn.Sequential(nn.BatchNorm1d(2), nn.Linear(2, 3)))
        modes = []

        def loss(current, batch):
            modes.append([module.training for module in current.modules()])
            return nn.functional.cross_entropy(current(batch["x"]), batch["labels"])

        fit(model, rows_of(8), TASK, RECIPE, 0, loss=loss, evaluated=[model[0], model[1]])
        assert modes == [[True, False, False, True, True]] * 6
        assert model[0].running_mean.tolist() == [0.0, 0.0]
        assert model[0].num_batches_tracked == 0
        assert model[1][0].num_batches_tracked == 6
        assert not model.training

    @quick
    @given(st.integers(1, 40), st.integers(1, 12), st.integers(1, 3))
    def test_steps_are_counted_from_one_and_are_the_recipes(self, rows, size, epochs):
        recipe, counted = TrainingRecipe(epochs, size, 0.01), []
        fit(Scalar(), Rows({"x": torch.ones(rows)}), TASK, recipe, 0, loss=lambda m, b: m.w, after_step=counted.append)
        assert counted == list(range(1, recipe.steps(rows) + 1))

    def test_it_learns(self):
        rows = rows_of(3)
        before = TASK.loss(TASK.new_model(0), rows.columns).item()
        after = TASK.loss(fit(TASK.new_model(0), rows, TASK, TrainingRecipe(60, 4, 0.05), 0), rows.columns).item()
        assert after < before / 3


def joined(parts: Iterable[list[int]]) -> list[int]:
    return list(itertools.chain.from_iterable(parts))


def batches(n: int, size: int, *, shuffle: bool = True, seed: int = 0) -> list[list[int]]:
    rows = Rows({"at": torch.arange(n)})
    generator = torch.Generator().manual_seed(seed)
    loader = BatchLoader(rows, size, shuffle=shuffle, generator=generator, collate=TaskView.collate)
    found = [batch["at"].tolist() for batch in loader]
    assert len(found) == len(loader)
    return found


sizes = (st.integers(0, 300), st.integers(1, 40))


class TestBatchLoader:
    def test_no_small_last_batch_by_hand(self):
        # 546 = 17 * 32 + 2: cut every 32 rows, the last batch would have 2 rows.
        found = [len(batch) for batch in batches(546, 32)]
        assert len(found) == 18
        assert min(found) > 2
        assert sum(found) == 546

    @quick
    @given(*sizes, st.booleans(), st.integers(0, 99))
    def test_every_row_once_an_epoch_in_batches_no_larger_than_asked(self, n, size, shuffle, seed):
        found = batches(n, size, shuffle=shuffle, seed=seed)
        assert sorted(joined(found)) == list(range(n))
        assert len(found) == -(-n // size)
        assert all(1 <= len(batch) <= size for batch in found)

    @pytest.mark.parametrize(("n", "size"), [(993, 32), (546, 32), (100, 33), (5, 4)])
    def test_sizes_differ_by_one_at_most(self, n, size):
        # torch.chunk would cut 993 rows into 31 batches of 32 and one of 1.
        found = [len(batch) for batch in batches(n, size)]
        assert max(found) - min(found) <= 1

    def test_rows_come_in_order_unless_shuffled(self):
        assert joined(batches(20, 6, shuffle=False)) == list(range(20))
        assert joined(batches(20, 6)) != list(range(20))

    def test_every_epoch_has_an_order_of_its_own_and_the_generator_decides_it(self):
        rows = Rows({"at": torch.arange(30)})

        def epochs(seed: int) -> list[list[int]]:
            loader = TaskView(TASK, "linear").loader(rows, 7, generator=torch.Generator().manual_seed(seed))
            return [joined(batch["at"].tolist() for batch in loader) for _ in range(3)]

        first = epochs(1)
        assert first == epochs(1)
        assert first != epochs(2)
        assert len({tuple(epoch) for epoch in first}) == 3

    def test_an_empty_dataset_gives_no_batch(self):
        assert batches(0, 8) == []

    def test_a_dataset_without_batch_is_collated_row_by_row(self):
        rows = rows_of(5)
        loader = BatchLoader([rows[i] for i in range(5)], 2, shuffle=False, generator=None, collate=TaskView.collate)
        found = list(loader)
        whole = {name: torch.cat([batch[name] for batch in found]) for name in rows.columns}
        assert all(torch.equal(whole[name], column) for name, column in rows.columns.items())

    @pytest.mark.parametrize("size", [0, -1])
    def test_a_size_below_one_is_refused(self, size):
        with pytest.raises(ValueError, match="batch_size must be at least 1"):
            batches(3, size)
