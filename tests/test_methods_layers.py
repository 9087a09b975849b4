"""CF-k, EU-k and what they share, on a small model with batch normalisation."""

from __future__ import annotations

import copy
import dataclasses
import types

import linear_task
import pytest
import torch
from torch import nn

from mu_conformance.methods import CFk, EUk, FineTune, Retrain
from mu_conformance.methods.parts.layers import blocks_of, last_layers, only, renew, settled
from mu_conformance.protocol.recipe import TrainingRecipe
from mu_conformance.tasks import TaskView
from mu_conformance.training.loop import fit

RECIPE = TrainingRecipe(4, 4, 0.05, weight_decay=0.5)


class Deep(nn.Module):
    """Four layers and a batch normalisation without weights on either side of the third."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Linear(2, 4)
        self.norm = nn.BatchNorm1d(4)
        self.plain = nn.BatchNorm1d(4, affine=False)
        self.middle = nn.Linear(4, 4)
        self.late = nn.BatchNorm1d(4, affine=False)
        self.head = nn.Linear(4, 3)

    def forward(self, x, labels=None):
        logits = self.head(self.late(self.middle(self.plain(self.norm(self.body(x))))))
        loss = None if labels is None else nn.functional.cross_entropy(logits, labels)
        return types.SimpleNamespace(logits=logits, loss=loss)


class DeepTask(linear_task.Toy):
    def build_model(self, architecture: str) -> nn.Module:
        return Deep()


TASK = DeepTask()


def request_of(forget: int, retain: int, frozen=None):
    request = linear_task.request_of(linear_task.rows_of(forget), linear_task.rows_of(retain))
    return dataclasses.replace(request, recipe=RECIPE, task=TaskView(TASK, "linear", frozen))


def original() -> nn.Module:
    model = TASK.new_model(5)
    with torch.no_grad():
        for name, buffer in model.named_buffers():
            buffer.copy_(torch.full_like(buffer, 7 if "tracked" in name else 1.5))
    return model


def state(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def moved(one: nn.Module, before: dict[str, torch.Tensor]) -> set[str]:
    return {name for name, tensor in one.state_dict().items() if not torch.equal(tensor, before[name])}


LATE = {"late.running_mean", "late.running_var", "late.num_batches_tracked"}
HEAD = {"head.weight", "head.bias"}
MIDDLE = {"middle.weight", "middle.bias"}


class TestLastLayers:
    @pytest.mark.parametrize(
        ("k", "names"),
        [
            (1, ["head.weight", "head.bias"]),
            (2, ["middle.weight", "middle.bias", "head.weight", "head.bias"]),
            (3, ["norm.weight", "norm.bias", "middle.weight", "middle.bias", "head.weight", "head.bias"]),
            (None, ["head.weight", "head.bias"]),  # a third of four layers
        ],
    )
    def test_by_hand(self, k, names):
        assert last_layers(Deep(), k) == names

    @pytest.mark.parametrize("k", [4, 5, 100])
    def test_more_than_there_are_is_all(self, k):
        assert last_layers(Deep(), k) == [name for name, _ in Deep().named_parameters()]

    @pytest.mark.parametrize(("depth", "count"), [(1, 1), (2, 1), (3, 1), (5, 1), (6, 2), (9, 3)])
    def test_none_is_a_third_and_one_at_least(self, depth, count):
        model = nn.Sequential(*(nn.Linear(1, 1, bias=False) for _ in range(depth)))
        assert last_layers(model) == [f"{at}.weight" for at in range(depth - count, depth)]

    def test_a_tied_weight_is_its_first_holders(self):
        model = nn.Sequential(nn.Embedding(3, 2), nn.Linear(2, 2), nn.Linear(2, 3, bias=False))
        model[2].weight = model[0].weight
        assert last_layers(model, 1) == ["1.weight", "1.bias"]
        assert last_layers(model, 2) == ["0.weight", "1.weight", "1.bias"]

    def test_frozen_parameters_count_as_layers_and_are_not_named(self):
        model = Deep()
        model.head.requires_grad_(False)
        model.middle.bias.requires_grad_(False)
        assert last_layers(model, 1) == []
        assert last_layers(model, 2) == ["middle.weight"]

    def test_a_module_that_holds_a_parameter_beside_its_children_comes_before_them(self):
        model = Deep()
        model.scale = nn.Parameter(torch.ones(1))
        assert last_layers(model, 4)[0] == "body.weight"
        assert last_layers(model, 5)[0] == "scale"

    def test_no_parameters_give_no_names(self):
        assert last_layers(nn.ReLU()) == []

    @pytest.mark.parametrize("k", [0, -1])
    def test_a_number_below_one_is_refused(self, k):
        with pytest.raises(ValueError, match=f"layers must be at least 1, or None for a third of them, got {k}"):
            last_layers(Deep(), k)


class TestOnly:
    def test_what_requires_gradients_inside_and_afterwards(self):
        model = Deep()
        model.head.bias.requires_grad_(False)
        inside = []

        def fail():
            with only(model, HEAD):
                inside.extend(name for name, p in model.named_parameters() if p.requires_grad)
                raise KeyError

        with pytest.raises(KeyError):
            fail()
        assert inside == ["head.weight"]
        assert [name for name, p in model.named_parameters() if not p.requires_grad] == ["head.bias"]


class TestSettled:
    @pytest.mark.parametrize(
        ("names", "kept"),
        [
            (HEAD, ["body", "norm", "plain", "middle", "late"]),
            (HEAD | MIDDLE, ["body", "norm", "plain"]),
            ({"body.weight"}, ["norm", "middle", "head"]),
            (set(), ["", "body", "norm", "plain", "middle", "late", "head"]),
        ],
    )
    def test_by_hand(self, names, kept):
        model = Deep()
        by_module = {module: name for name, module in model.named_modules()}
        assert [by_module[module] for module in settled(model, names)] == kept

    def test_a_container_of_what_is_trained_is_not_settled(self):
        model = nn.Sequential(nn.Sequential(nn.Linear(1, 1), nn.Dropout(), nn.Linear(1, 1)), nn.Dropout())
        inner = model[0]
        assert settled(model, ["0.2.weight"]) == [inner[0], inner[1]]


class TestRenew:
    def test_weights_and_running_statistics_by_hand(self):
        model, fresh = original(), TASK.new_model(9)
        before = state(model)
        renew(model, fresh, HEAD | MIDDLE)
        assert moved(model, before) == HEAD | MIDDLE | LATE
        assert model.late.running_mean.tolist() == [0.0] * 4
        assert model.late.running_var.tolist() == [1.0] * 4
        assert moved(model, {**before, **{name: fresh.state_dict()[name] for name in HEAD | MIDDLE | LATE}}) == set()


def test_blocks_are_the_longest_list_and_the_first_of_equals():
    model = nn.Module()
    for name, length in (("short", 1), ("long", 3), ("other", 3)):
        setattr(model, name, nn.ModuleList(nn.Linear(1, 1) for _ in range(length)))
    assert blocks_of(model) == ("long", model.long)


@pytest.mark.parametrize("model", [nn.Linear(1, 1), nn.Sequential(nn.ModuleList())])
def test_a_model_without_blocks_is_refused(model):
    with pytest.raises(ValueError, match="a list of blocks is needed"):
        blocks_of(model)


class TestCFk:
    @pytest.mark.parametrize(
        ("k", "free"), [(1, HEAD), (2, HEAD | MIDDLE | LATE), (None, HEAD)], ids=["1", "2", "a third"]
    )
    def test_all_but_the_last_layers_are_bitwise_alone(self, k, free):
        model = original()
        found = CFk(layers=k, epochs_share=1.0).unlearn(model, request_of(3, 9))
        assert moved(found, state(model)) == free

    def test_all_layers_are_fine_tuning(self):
        model, request = original(), request_of(3, 9)
        one, other = CFk(layers=4).unlearn(model, request), FineTune().unlearn(model, request)
        assert moved(one, state(other)) == set()

    def test_a_head_alone_is_trained_on_the_features_of_the_original(self):
        # With all before it in evaluation mode, the head sees the same features at every step.
        model, rows = original(), linear_task.rows_of(9).columns
        found = CFk(layers=1).unlearn(model, request_of(3, 9))
        with torch.no_grad():
            features = model.late(model.middle(model.plain(model.norm(model.body(rows["x"])))))
        head = copy.deepcopy(model.head)
        data = linear_task.Rows({"x": features, "labels": rows["labels"]})

        def loss(layer, batch):
            return nn.functional.cross_entropy(layer(batch["x"]), batch["labels"])

        fit(head, data, TASK, RECIPE.fine_tuning(0.2, 0.5), 3, loss=loss)
        torch.testing.assert_close(found.head.weight, head.weight, atol=1e-5, rtol=1e-4)


class TestEUk:
    def test_the_last_layers_are_those_of_training_from_a_new_model(self):
        model, request = original(), request_of(3, 9)
        found = EUk(layers=2).unlearn(model, request)
        by_hand, fresh = copy.deepcopy(model), TASK.new_model(request.seed)
        by_hand.middle, by_hand.late, by_hand.head = fresh.middle, fresh.late, fresh.head
        by_hand.body.requires_grad_(False)
        by_hand.norm.requires_grad_(False)
        fit(by_hand, request.retain, TASK, RECIPE, request.seed, evaluated=[by_hand.body, by_hand.norm, by_hand.plain])
        assert moved(found, state(by_hand)) == set()
        assert moved(found, state(model)) == HEAD | MIDDLE | LATE

    def test_all_layers_are_retraining(self):
        request = request_of(3, 9)
        one, other = EUk(layers=4).unlearn(original(), request), Retrain().unlearn(original(), request)
        assert moved(one, state(other)) == set()

    def test_what_the_last_layers_were_does_not_matter(self):
        one, other = original(), original()
        with torch.no_grad():
            other.head.weight.add_(1.0)
        one, other = (EUk(layers=1).unlearn(model, request_of(3, 9)) for model in (one, other))
        assert moved(one, state(other)) == set()

    def test_without_retain_rows_the_last_layers_are_fresh(self):
        request = request_of(3, 0)
        found, fresh = EUk(layers=1).unlearn(original(), request), TASK.new_model(request.seed)
        assert torch.equal(found.head.weight, fresh.head.weight)
        assert moved(found, state(original())) == HEAD


@pytest.mark.parametrize("method", [CFk, EUk])
class TestBoth:
    @pytest.mark.parametrize(("forget", "retain"), [(0, 9), (1, 9), (9, 4), (4, 0)])
    def test_any_request_is_served_and_the_original_left_alone(self, method, forget, retain):
        model = original()
        before = state(model)
        found = method().unlearn(model, request_of(forget, retain))
        assert moved(model, before) == set()
        assert found is not model
        assert not any(module.training for module in found.modules())
        assert all(parameter.requires_grad for parameter in (*model.parameters(), *found.parameters()))
        assert all(torch.isfinite(tensor).all() for tensor in found.state_dict().values())

    def test_frozen_parameters_stay_frozen(self, method):
        model = original()
        model.head.weight.requires_grad_(False)
        request = request_of(3, 9, {"head.weight": model.head.weight.detach().clone()})
        found = method(layers=2).unlearn(model, request)
        assert moved(found, state(model)) == MIDDLE | LATE | {"head.bias"}
        assert [name for name, p in found.named_parameters() if not p.requires_grad] == ["head.weight"]

    def test_a_number_below_one_is_refused(self, method):
        with pytest.raises(ValueError, match="layers must be at least 1, or None for a third of them, got 0"):
            method(layers=0)
