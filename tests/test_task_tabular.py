"""The tabular task: how its patients are dealt out, and its loss, whose minimum is known exactly."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from mu_conformance.fixtures import tabular

from mu_conformance.tasks import Rows, registry
from mu_conformance.training.loop import train

WEIGHT, BIAS = "linear.weight", "linear.bias"


@pytest.fixture(scope="module")
def task():
    return registry.find_task("tabular")


def model_of(state: dict[str, torch.Tensor]) -> tabular.LogisticRegression:
    model = tabular.LogisticRegression(state[WEIGHT].shape[1], 2).double()
    model.load_state_dict(state)
    return model


def gradient_norm(model, rows: Rows) -> float:
    """Norm of the loss's gradient in float64, by automatic differentiation."""
    model = model.double()
    model.zero_grad()
    model(rows.columns["features"].double(), rows.labels).loss.backward()
    return math.sqrt(sum(float(p.grad.square().sum()) for p in model.parameters()))


def vector(state: dict[str, torch.Tensor]) -> torch.Tensor:
    return torch.cat([state[WEIGHT].double().flatten(), state[BIAS].double()])


class TestLoss:
    def test_of_a_model_that_knows_nothing(self):
        model = model_of({WEIGHT: torch.zeros(2, 3), BIAS: torch.zeros(2)})
        out = model(torch.randn(5, 3).double(), torch.tensor([0, 1, 1, 0, 1]))
        assert out.logits.abs().max() == 0
        assert out.loss.item() == pytest.approx(math.log(2))

    def test_cross_entropy_and_the_penalty_of_every_parameter(self):
        # logits 2 x - 1 and 0: z = 1 for x = 1; squares of the parameters 4 + 1
        model = model_of({WEIGHT: torch.tensor([[2.0], [0.0]]), BIAS: torch.tensor([-1.0, 0.0])})
        features, labels = torch.ones(1, 1).double(), torch.tensor([0])
        penalty = tabular.REGULARISATION / 2 * 5
        assert model(features, labels).loss.item() == pytest.approx(math.log(1 + math.exp(-1)) + penalty)
        assert model(features, 1 - labels).loss.item() == pytest.approx(math.log(1 + math.exp(1)) + penalty)

    def test_no_label_no_loss(self):
        assert model_of({WEIGHT: torch.zeros(2, 1), BIAS: torch.zeros(2)})(torch.ones(1, 1).double()).loss is None

    def test_of_the_task_is_the_models(self, task):
        model, batch = task.new_model(0), task.splits.train.columns
        assert torch.equal(task.loss(model, batch), model(**batch).loss)

    def test_of_two_halves_averages_to_that_of_the_whole(self, task):
        # The penalty is part of every batch's loss, so a batch's gradient is an unbiased estimate of the whole.
        model, rows = task.new_model(0), task.splits.train
        whole, *halves = (task.loss(model, rows.batch(part)) for part in (range(200), range(100), range(100, 200)))
        assert (sum(halves) / 2).item() == pytest.approx(whole.item(), rel=1e-5)


class TestExactOptimum:
    def test_of_one_row_by_hand(self):
        # One row x = 1, y = 1: all four parameters have the same size a, the logits differ by 4 a, and the derivative
        # of the loss in a parameter, -1 / (1 + exp(4 a)) + r a, is 0. With r = 4 / (1 + e) that is a = 1/4.
        r = 4 / (1 + math.e)
        rows = Rows({"features": torch.ones(1, 1), "labels": torch.tensor([1])})
        found = tabular.exact_optimum(rows, regularisation=r)
        assert found[WEIGHT].flatten().tolist() == pytest.approx([-0.25, 0.25], abs=1e-9)
        assert found[BIAS].tolist() == pytest.approx([-0.25, 0.25], abs=1e-9)

    def test_rows_that_say_nothing_leave_zero(self):
        # Each value with both labels, equally often: the best guess is even odds everywhere.
        rows = Rows({"features": torch.tensor([[1.0], [1.0], [-2.0], [-2.0]]), "labels": torch.tensor([0, 1, 0, 1])})
        assert vector(tabular.exact_optimum(rows)).abs().max() < 1e-9

    @pytest.mark.parametrize("kept", [slice(None), slice(20, None)], ids=["all rows", "without 20"])
    def test_the_loss_is_flat_there(self, task, kept):
        rows = task.splits.train.select(np.arange(200)[kept])
        assert gradient_norm(model_of(tabular.exact_optimum(rows)), rows) <= 1.1e-8

    def test_every_step_away_is_uphill(self, task):
        rows = task.splits.train
        best = tabular.exact_optimum(rows)
        features, labels = rows.columns["features"].double(), rows.labels
        lowest = model_of(best)(features, labels).loss
        generator = torch.Generator().manual_seed(0)
        for size in (1e-3, 1e-1):
            for _ in range(5):
                moved = {k: v + size * torch.randn(v.shape, generator=generator).double() for k, v in best.items()}
                assert model_of(moved)(features, labels).loss > lowest

    def test_it_does_not_depend_on_the_order_of_rows(self, task):
        rows = task.splits.train
        turned = rows.select(np.arange(len(rows))[::-1].copy())
        torch.testing.assert_close(vector(tabular.exact_optimum(turned)), vector(tabular.exact_optimum(rows)))

    def test_an_impossible_tolerance(self, task):
        with pytest.raises(ValueError, match="did not reach a gradient norm of 0 in 100 steps"):
            tabular.exact_optimum(task.splits.train, tolerance=0.0)

    def test_another_regularisation_is_another_optimum(self, task):
        norms = [float(vector(tabular.exact_optimum(task.splits.train, r)).norm()) for r in (0.01, 0.05, 0.5)]
        assert norms == sorted(norms, reverse=True)
        assert norms[0] > 2 * norms[2]


class TestRecipe:
    """How close AdamW by the recipe comes to the optimum, as docs and certified removal rely on it."""

    DISTANCE, GRADIENT = 0.005, 0.003
    """Bounds: on the distance from the optimum in shares of its norm, and on the norm of the loss's gradient."""

    def test_the_regulariser_is_in_the_loss_alone(self, task):
        assert task.recipe.weight_decay == 0

    @pytest.mark.parametrize("seed", [0, 1])
    def test_training_ends_at_the_optimum_whatever_the_seed(self, task, seed):
        rows = task.splits.train
        best = vector(tabular.exact_optimum(rows))
        model = train(task, task.architectures[0], rows, seed)
        assert (vector(model.state_dict()) - best).norm() < self.DISTANCE * best.norm()
        assert gradient_norm(model, rows) < self.GRADIENT

    def test_a_deleted_clinic_moves_the_optimum_by_far_more(self, task):
        rows, units = task.splits.train, task.splits.units
        best = vector(tabular.exact_optimum(rows))
        for clinic in range(tabular.CLINICS):
            without = vector(tabular.exact_optimum(rows.select(np.flatnonzero(units != clinic))))
            assert (without - best).norm() > 20 * self.DISTANCE * best.norm()


class TestDeal:
    def test_every_clinic_gives_the_same_number_to_train_and_holdout(self):
        labels = np.random.RandomState(3).randint(0, 2, 569)
        clinic, part = tabular.deal(labels)
        for number in range(tabular.CLINICS):
            counts = {name: int(((clinic == number) & (part == name)).sum()) for name in ("train", "holdout", "test")}
            assert counts["train"] == counts["holdout"] == 20
            assert counts["test"] in (16, 17)

    def test_classes_are_dealt_out_evenly(self):
        # 300 and 269 rows in turn: 30 of the one class in each clinic, 26 or 27 of the other.
        labels = np.r_[np.zeros(300, int), np.ones(269, int)]
        clinic, part = tabular.deal(labels)
        for number in range(tabular.CLINICS):
            ones = int(labels[clinic == number].sum())
            assert (clinic == number).sum() - ones == 30
            assert ones in (26, 27)
            # 20 of 56 or 57 patients: 30 * 20 / 56.5 = 10.6 and 9.4 are the classes' shares
            for name in ("train", "holdout"):
                assert 9 <= (labels[(clinic == number) & (part == name)] == 0).sum() <= 12


class TestData:
    def test_the_share_of_wrong_diagnoses(self, task):
        # Against the labels that scikit-learn has, found again through the order of rows.
        from sklearn.datasets import load_breast_cancer

        true = load_breast_cancer().target
        _, part = tabular.deal(true)
        for name in ("train", "holdout"):
            given, right = getattr(task.splits, name).labels.numpy(), true[part == name]
            for c in (0, 1):
                of_class = right == c
                assert (given != right)[of_class].sum() == round(tabular.WRONG_DIAGNOSES * of_class.sum())
        assert (task.splits.test.labels.numpy() == true[part == "test"]).all()

    def test_a_clinics_patients_share_an_offset(self, task):
        # The mean of 20 patients has the offset's spread of 1 on top of (1 + NOISE^2) / 20 = 0.06 of their own.
        splits = task.splits
        features = splits.train.columns["features"]
        means = torch.stack([features[torch.as_tensor(splits.units == c)].mean(0) for c in range(tabular.CLINICS)])
        measured, noise = means[:, : tabular.MEASUREMENTS], means[:, tabular.MEASUREMENTS :]
        assert 0.7 < measured.var(0).mean() < 1.5
        assert noise.var(0).mean() == pytest.approx(1 / 20, rel=0.15)

    def test_out_of_distribution_are_the_test_patients_on_two_scanners(self, task):
        test, ood = task.splits.test, task.splits.ood
        assert len(ood) == 2 * len(test)
        assert torch.equal(ood.labels, torch.cat([test.labels, test.labels]))
        clean, first, second = test.columns["features"], *ood.columns["features"].chunk(2)
        columns = tabular.MEASUREMENTS
        for scanned in (first, second):
            assert torch.equal(scanned[:, columns:], clean[:, columns:])
            for column in range(columns):
                # a positive factor and a shift: exactly correlated with the clean column, and not equal to it
                pair = torch.stack([clean[:, column], scanned[:, column]]).double()
                assert torch.corrcoef(pair)[0, 1] > 1 - 1e-6
                assert not torch.allclose(pair[0], pair[1], atol=1e-2)
        assert not torch.allclose(first, second, atol=1e-2)
