"""L-CODEC and certified removal: steps along an inverse of the curvature."""

from __future__ import annotations

import copy
import dataclasses
import math

import linear_task
import pytest
import torch
from mu_conformance.fixtures import tabular
from torch import nn

from mu_conformance.isolation.child import RequestRows
from mu_conformance.methods import LCODEC, CertifiedRemoval
from mu_conformance.protocol.claims import Guarantee
from mu_conformance.protocol.recipe import TrainingRecipe
from mu_conformance.tasks import Rows, TaskView
from mu_conformance.training.loop import fit

RECIPE = TrainingRecipe(10, 4, 0.05)


def request_of(forget: int, retain: int):
    return linear_task.request_of(linear_task.rows_of(forget), linear_task.rows_of(retain))


def original() -> nn.Module:
    return linear_task.TASK.new_model(5)


class TestLCODEC:
    def test_the_step_of_the_chosen_units_by_another_route(self):
        # A row's gradient is (p - onehot) outer (x, 1). All of one layer's units that moved, solved for in numpy's
        # order.
        model, forget, retain = original(), linear_task.rows_of(2), linear_task.rows_of(7)
        found = LCODEC(l2=0.5).unlearn(model, request_of(2, 7))
        moved = (found.linear.bias != model.linear.bias).nonzero().flatten().tolist()
        assert moved

        def gradients(rows: Rows) -> torch.Tensor:
            with torch.no_grad():
                apart = model(rows.columns["x"]).logits.softmax(1) - nn.functional.one_hot(rows.labels, 3)
            apart = apart.double()[:, moved]
            weights = apart[:, :, None] * rows.columns["x"].double()[:, None]
            return torch.cat([weights.flatten(1), apart], dim=1)

        others = gradients(retain)
        curvature = others.T @ others / 7 + 0.5 * torch.eye(others.shape[1], dtype=torch.float64)
        step = 2 / 7 * curvature.inverse() @ gradients(forget).mean(0)
        by_hand = copy.deepcopy(model)
        with torch.no_grad():
            by_hand.linear.weight[moved] += step[: 2 * len(moved)].view(-1, 2).float()
            by_hand.linear.bias[moved] += step[2 * len(moved) :].float()
        torch.testing.assert_close(found.linear.weight, by_hand.linear.weight)
        torch.testing.assert_close(found.linear.bias, by_hand.linear.bias)

    def test_no_more_units_than_allowed_and_the_others_bitwise_alone(self):
        model = original()
        found = LCODEC(most_units=1).unlearn(model, request_of(4, 9))
        assert (found.linear.weight != model.linear.weight).any(dim=1).sum() == 1

    def test_it_raises_the_loss_of_forget_rows(self):
        # a model that is trained on all rows, so that the step has something to undo
        rows = linear_task.rows_of(9)
        model = fit(original(), rows, linear_task.TASK, dataclasses.replace(RECIPE, epochs=200), 0)
        forget = rows.select([0, 1])
        request = linear_task.request_of(forget, rows.select(range(2, 9)))
        found = LCODEC(l2=0.05).unlearn(model, request)
        before, after = (linear_task.TASK.loss(one, forget.columns).item() for one in (model, found))
        assert after > before

    @pytest.mark.parametrize(("forget", "retain"), [(0, 9), (1, 9), (9, 4), (4, 0)])
    def test_any_request_is_served_and_the_original_left_alone(self, forget, retain):
        model = original()
        before = copy.deepcopy(model.state_dict())
        found = LCODEC().unlearn(model, request_of(forget, retain))
        assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
        assert not found.training
        assert all(torch.isfinite(value).all() for value in found.state_dict().values())
        assert not any(module._forward_hooks for one in (model, found) for module in one.modules())
        assert torch.equal(found.linear.weight, model.linear.weight) is (forget == 0 or retain == 0)

    def test_frozen_weights_stay_as_they_were(self):
        model = original()
        model.linear.weight.requires_grad_(False)
        found = LCODEC().unlearn(model, request_of(4, 9))
        assert torch.equal(found.linear.weight, model.linear.weight)
        assert not torch.equal(found.linear.bias, model.linear.bias)

    def test_words_are_replaced_where_there_are_words(self):
        ids = torch.tensor([[1, 2, 0, 0], [3, 4, 5, 0]])
        rows = {"input_ids": ids, "attention_mask": (ids > 0).long(), "labels": torch.tensor([0, 1])}
        generator, seen = torch.Generator().manual_seed(0), set()
        for _ in range(50):
            found = LCODEC()._perturbed(rows, generator)
            assert (found["input_ids"] != ids).sum(dim=1).max() <= 1
            assert torch.equal(found["input_ids"][ids == 0], ids[ids == 0])
            assert torch.equal(found["labels"], rows["labels"])
            seen |= set(found["input_ids"][0].tolist())
        assert seen == {0, 1, 2, 3, 4, 5}
        assert torch.equal(rows["input_ids"], ids)

    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"perturbations": 1}, r"^perturbations must be at least 2, got 1$"),
            ({"most_units": 0}, r"^most_units must be at least 1, got 0$"),
            ({"noise": 0.0}, r"^noise must lie in \(0, inf\), got 0.0$"),
            ({"l2": math.nan}, r"^l2 must lie in \(0, inf\), got nan$"),
        ],
    )
    def test_settings_outside_their_range_are_refused(self, settings, message):
        with pytest.raises(ValueError, match=message):
            LCODEC(**settings)


@pytest.fixture(scope="module")
def convex():
    """The convex task's original, the request to delete a tenth of its rows, and the exact optimum of the others."""
    task = tabular.TASK
    train = task.splits.train
    forget, retain = train.select(range(20)), train.select(range(20, len(train)))
    model = fit(task.new_model(0), train, task, task.recipe, 0)
    names = tuple(train.columns)
    request = dataclasses.replace(
        request_of(1, 1),
        forget=RequestRows(forget, names),
        retain=RequestRows(retain, names),
        task=TaskView(task, task.architectures[0]),
        recipe=task.recipe,
    )
    return model, request, tabular.exact_optimum(retain)


def apart(model: nn.Module, state: dict[str, torch.Tensor]) -> float:
    return torch.cat([(p.double() - state[name]).flatten() for name, p in model.named_parameters()]).norm().item()


class TestCertifiedRemoval:
    @pytest.mark.parametrize("steps", [1, 2, 5])
    def test_the_bound_holds_against_the_exact_optimum(self, convex, steps):
        model, request, optimum = convex
        found, bound = CertifiedRemoval(steps=steps).removed(model, request)
        # exact_optimum's own gradient is 1e-8 at most, over a curvature of 0.05
        assert apart(found, optimum) <= bound + 1e-8 / tabular.REGULARISATION

    def test_the_least_curvature_is_the_l2_term(self, convex):
        # the bound is the gradient left over that curvature, and the rounding to float32
        model, request, _ = convex
        found, bound = CertifiedRemoval(steps=1).removed(model, request)
        batch = next(iter(request.task.loader(request.retain, 10_000)))
        left = torch.autograd.grad(request.task.loss(found, batch), list(found.parameters()))
        norm = torch.cat([part.flatten() for part in left]).norm().item()
        assert bound == pytest.approx(norm / tabular.REGULARISATION, rel=0.02)

    def test_one_step_goes_most_of_the_way(self, convex):
        model, request, optimum = convex
        found, bound = CertifiedRemoval(steps=1).removed(model, request)
        assert apart(found, optimum) < 0.05 * apart(model, optimum)
        assert bound < apart(model, optimum)

    def test_the_noise_is_that_of_the_gaussian_mechanism(self, convex):
        model, request, _ = convex
        method = CertifiedRemoval(epsilon=0.5, delta=1e-5, steps=1)
        bare, bound = method.removed(model, request)
        found = method.unlearn(model, request)
        noise = torch.cat(
            [(one - other).flatten() for one, other in zip(found.parameters(), bare.parameters(), strict=True)]
        )
        # sqrt(2 ln(125000)) / 0.5 = 9.690; 1062 draws give the deviation to 2.2 %
        assert noise.std().item() == pytest.approx(9.690 * bound, rel=0.09)

    def test_the_claim_carries_its_numbers(self):
        claims = CertifiedRemoval(epsilon=0.25, delta=1e-6).claims
        assert (claims.guarantee, claims.epsilon, claims.delta) == (Guarantee.EPSILON_DELTA, 0.25, 1e-6)
        assert claims.covers("tabular", "tabular", tabular.TASK.features)
        assert not claims.covers("toy", "tabular", linear_task.TASK.features)

    def test_a_loss_that_is_not_strongly_convex_is_refused(self):
        with pytest.raises(ValueError, match="certified removal needs a strongly convex loss"):
            CertifiedRemoval().unlearn(original(), request_of(2, 9))

    def test_without_retain_rows_nothing_is_done(self):
        model = original()
        found, bound = CertifiedRemoval().removed(model, request_of(4, 0))
        assert torch.equal(found.linear.weight, model.linear.weight)
        assert bound == 0.0

    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"epsilon": 1.0}, r"^epsilon must lie in \(0, 1\), got 1.0$"),
            ({"delta": 0.0}, r"^delta must lie in \(0, 1\), got 0.0$"),
            ({"steps": 0}, r"^steps must be at least 1, got 0$"),
        ],
    )
    def test_settings_outside_their_range_are_refused(self, settings, message):
        with pytest.raises(ValueError, match=message):
            CertifiedRemoval(**settings)
