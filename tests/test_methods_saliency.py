"""SalUn, SSD and Fisher forgetting on a linear model of a few rows; random labels, which SalUn shares."""

from __future__ import annotations

import copy
import dataclasses
import math

import linear_task
import pytest
import torch
from torch import nn

from mu_conformance.methods import SSD, FisherForgetting, RandomLabel, SalUn
from mu_conformance.methods.parts.relabelling import Relabelled, other_labels
from mu_conformance.protocol.recipe import TrainingRecipe
from mu_conformance.tasks import Rows

RECIPE = TrainingRecipe(10, 4, 0.05, weight_decay=0.5)


def request_of(forget: Rows | int, retain: Rows | int):
    forget, retain = (linear_task.rows_of(rows) if isinstance(rows, int) else rows for rows in (forget, retain))
    return dataclasses.replace(linear_task.request_of(forget, retain), recipe=RECIPE)


def original() -> nn.Module:
    return linear_task.TASK.new_model(5)


def moved(found: nn.Module, model: nn.Module) -> torch.Tensor:
    """Which of the weights are not bitwise what they were, flat."""
    pairs = zip(found.parameters(), model.parameters(), strict=True)
    return torch.cat([(one != other).flatten() for one, other in pairs])


@pytest.mark.parametrize("method", [SalUn, SSD, FisherForgetting, RandomLabel])
class TestAll:
    @pytest.mark.parametrize(("forget", "retain"), [(0, 9), (1, 9), (9, 4), (4, 0)])
    def test_any_request_is_served_and_the_original_left_alone(self, method, forget, retain):
        model = original()
        before = copy.deepcopy(model.state_dict())
        found = method().unlearn(model, request_of(forget, retain))
        assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
        assert not found.training
        assert all(torch.isfinite(value).all() for value in found.state_dict().values())
        assert all(parameter.requires_grad for parameter in (*model.parameters(), *found.parameters()))

    def test_a_frozen_weight_stays_as_it_was(self, method):
        model = original()
        model.linear.weight.requires_grad_(False)
        found = method().unlearn(model, request_of(4, 9))
        assert torch.equal(found.linear.weight, model.linear.weight)
        assert not found.linear.weight.requires_grad

    def test_the_seed_alone_decides(self, method):
        model, found = original(), []
        for ambient in (1, 2):
            torch.manual_seed(ambient)
            found.append(method().unlearn(model, request_of(4, 9)))
        assert not moved(*found).any()


class TestOtherLabels:
    def test_never_a_rows_own_and_every_other(self):
        rows = linear_task.rows_of(300)
        drawn = other_labels(linear_task.request_of(rows, rows).forget, 3, torch.Generator().manual_seed(0))
        assert drawn.dtype == torch.int64
        assert not (drawn == rows.labels).any()
        # each of the two others in about half of 300 rows; 4 standard deviations of a binomial are 35
        for label in range(3):
            others = drawn[rows.labels == label]
            assert set(others.tolist()) == {0, 1, 2} - {label}
        assert abs(((drawn - rows.labels).remainder(3) == 1).sum().item() - 150) < 35

    @pytest.mark.parametrize(("classes", "named"), [(None, "none"), (1, "1")])
    def test_a_task_without_two_classes_is_refused(self, classes, named):
        with pytest.raises(ValueError, match=f"and the task has {named}$"):
            other_labels([], classes, torch.Generator())

    def test_the_rows_and_their_order(self):
        retain, forget = linear_task.rows_of(2), linear_task.rows_of(3)
        rows = Relabelled(retain, forget, torch.tensor([1, 2, 0]))
        assert [int(rows[at]["labels"]) for at in range(len(rows))] == [0, 1, 1, 2, 0]
        assert forget.labels.tolist() == [0, 1, 2]


class TestSalUn:
    # 9 weights: 6 and 3 biases
    @pytest.mark.parametrize(("density", "count"), [(0.5, 4), (1.0, 9), (0.1, 1), (1 / 3, 3)])
    def test_no_more_weights_move_than_the_mask_lets(self, density, count):
        model = original()
        assert moved(SalUn(density=density).unlearn(model, request_of(4, 9)), model).sum() == count

    def test_the_weights_that_move_are_those_with_the_largest_gradient_by_hand(self):
        # One row x = (0, 1): the first column has no gradient, the second and the bias have p - onehot(label).
        model = original()
        with torch.no_grad():
            p = model(torch.tensor([[0.0, 1.0]])).logits.softmax(1)[0]
        gradient = p - torch.tensor([1.0, 0.0, 0.0])
        found = moved(SalUn(density=2 / 9).unlearn(model, request_of(1, 9)), model)
        strongest = int(gradient.abs().argmax())
        assert found.nonzero().flatten().tolist() == [2 * strongest + 1, 6 + strongest]

    def test_all_weights_are_random_labels(self):
        model, request = original(), request_of(4, 9)
        one, other = SalUn(density=1.0).unlearn(model, request), RandomLabel().unlearn(model, request)
        assert not moved(one, other).any()

    @pytest.mark.parametrize("density", [0.0, -0.5, 1.5, float("nan")])
    def test_a_density_outside_its_range_is_refused(self, density):
        with pytest.raises(ValueError, match=r"^density must lie in \(0, 1\], got "):
            SalUn(density=density)


class TestSSD:
    def rows(self, *x: float) -> Rows:
        return Rows(
            {"x": torch.tensor([[value, 1.0] for value in x]), "labels": torch.zeros(len(x), dtype=torch.int64)}
        )

    def test_dampening_by_hand(self):
        # Two rows of one class, forget x = (3, 1), retain x = (0.3, 1). With a model that ignores the first column both
        # give the same p, so the squared gradients g^2 are the same but for the factor x^2: in the first column 9
        # against 0.09, in the second and in the bias 1 against 1. All rows: (9 + 0.09) / 2 = 4.545, so F_forget / F_all
        # = 1.980.
        model = original()
        with torch.no_grad():
            model.linear.weight[:, 0] = torch.tensor([1e-9, 2e-9, 3e-9])
        found = SSD(alpha=1.5, dampening=1.0).unlearn(model, request_of(self.rows(3.0), self.rows(0.3)))
        assert moved(found, model).tolist() == [True, False, True, False, True, False, False, False, False]
        ratio = found.linear.weight[:, 0] / model.linear.weight[:, 0]
        assert ratio.tolist() == pytest.approx([4.545 / 9] * 3, rel=1e-4)

    def test_a_weight_is_never_raised(self):
        model = original()
        found = SSD(alpha=0.5, dampening=100.0).unlearn(model, request_of(self.rows(3.0), self.rows(0.3)))
        assert not moved(found, model).any()

    def test_unimportant_weights_are_left_alone_bitwise(self):
        # forget rows are a quarter of all: F_forget / F_all is at most 4
        model = original()
        assert not moved(SSD(alpha=4.01).unlearn(model, request_of(3, 9)), model).any()

    def test_without_retain_rows_nothing_matters_more_for_the_forget_set(self):
        model = original()
        assert not moved(SSD(alpha=1.0).unlearn(model, request_of(4, 0)), model).any()

    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"alpha": -1.0}, r"^alpha must lie in \[0, inf\), got -1.0$"),
            ({"dampening": float("nan")}, r"^dampening must lie in \[0, inf\), got nan$"),
        ],
    )
    def test_settings_outside_their_range_are_refused(self, settings, message):
        with pytest.raises(ValueError, match=message):
            SSD(**settings)


class TestFisherForgetting:
    def test_deviations_by_hand(self):
        # 1 / 16 ^ (1/4) = 2, 1 / 0.0001 ^ (1/4) = 10, and no information: the largest
        found = FisherForgetting(noise=0.1, largest_deviation=0.5).deviations(torch.tensor([1 / 16, 1e-4, 0.0]))
        assert found.tolist() == pytest.approx([0.2, 0.5, 0.5])
        assert FisherForgetting(noise=0.01, largest_deviation=0.5).deviations(torch.tensor([1e-4])).item() == (
            pytest.approx(0.1)
        )

    def test_the_noise_is_centred_and_of_its_deviation(self):
        # Many weights: rows that are all 0 give no information on the first layer's weights, so the deviation is the
        # bound.
        class Wide(linear_task.Linear):
            def __init__(self):
                super().__init__()
                self.linear = nn.Linear(4000, 3)

        torch.manual_seed(0)
        model = Wide()
        rows = Rows({"x": torch.zeros(2, 4000), "labels": torch.tensor([0, 1])})
        found = FisherForgetting(noise=1.0, largest_deviation=0.25).unlearn(model, request_of(rows, rows))
        noise = (found.linear.weight - model.linear.weight).flatten()
        # 12,000 draws: standard errors 0.0023 of the mean and 0.0016 of the deviation
        assert abs(noise.mean().item()) < 0.01
        assert noise.std().item() == pytest.approx(0.25, abs=0.007)

    def test_labels_are_drawn_from_the_model(self):
        # A model that is sure of class 2 whatever the row draws label 2, where its gradient is 0: no information,
        # though the rows' own labels would give much.
        model = original()
        with torch.no_grad():
            model.linear.weight.zero_()
            model.linear.bias.copy_(torch.tensor([0.0, 0.0, 60.0]))
        rows = Rows({"x": torch.ones(4, 2), "labels": torch.zeros(4, dtype=torch.int64)})
        found = FisherForgetting(noise=1e-9, largest_deviation=1e6).unlearn(model, request_of(rows, rows))
        assert (found.linear.weight - model.linear.weight).abs().min() > 1e-4
        assert not FisherForgetting.claims.reads_labels

    def test_nothing_to_forget_changes_nothing(self):
        model = original()
        assert not moved(FisherForgetting().unlearn(model, request_of(0, 9)), model).any()

    @pytest.mark.parametrize("name", ["noise", "largest_deviation"])
    @pytest.mark.parametrize("value", [0.0, -1.0, math.inf, math.nan])
    def test_settings_outside_their_range_are_refused(self, name, value):
        with pytest.raises(ValueError, match=rf"^{name} must lie in \(0, inf\), got "):
            FisherForgetting(**{name: value})
