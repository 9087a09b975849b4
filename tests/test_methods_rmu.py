"""RMU on a language model small enough to work out its loss by hand."""

from __future__ import annotations

import dataclasses
import types

import linear_task
import pytest
import torch
from torch import nn

from mu_conformance.isolation.child import RequestRows
from mu_conformance.methods import RMU
from mu_conformance.protocol.recipe import TrainingRecipe
from mu_conformance.tasks import Rows

RECIPE = TrainingRecipe(4, 4, 0.05, weight_decay=0.5)
WIDTH = 3


class Tuple(nn.Linear):
    """A block that gives a tuple, as some of transformers do."""

    def forward(self, x):
        return (super().forward(x), None)


class Tiny(nn.Module):
    def __init__(self, depth: int, block: type[nn.Module] = nn.Linear) -> None:
        super().__init__()
        self.embed = nn.Embedding(7, WIDTH)
        self.blocks = nn.ModuleList(block(WIDTH, WIDTH) for _ in range(depth))
        self.head = nn.Linear(WIDTH, 7)

    def forward(self, input_ids, attention_mask=None):
        hidden = self.embed(input_ids)
        for block in self.blocks:
            out = block(hidden)
            hidden = out[0] if isinstance(out, tuple) else out
        return types.SimpleNamespace(logits=self.head(hidden))


class TinyTask:
    """Logits and a loader, as a request's task has them."""

    name = "toy"

    def logits(self, model, batch):
        return model(**batch).logits

    def loader(self, *args, **kwargs):
        return linear_task.request_of(rows_of(1), rows_of(1)).task.loader(*args, **kwargs)


def rows_of(n: int) -> Rows:
    ids = torch.arange(4 * n).reshape(n, 4) % 7
    mask = torch.ones_like(ids)
    mask[:, 3] = 0
    return Rows({"input_ids": ids, "attention_mask": mask, "x": ids, "labels": ids})


def request_of(forget: int, retain: int, recipe: TrainingRecipe = RECIPE):
    request = linear_task.request_of(rows_of(1), rows_of(1))
    columns = ("input_ids", "attention_mask")
    return dataclasses.replace(
        request,
        forget=RequestRows(rows_of(forget), columns),
        retain=RequestRows(rows_of(retain), columns),
        recipe=recipe,
        task=TinyTask(),
    )


def model_of(depth: int = 6, block: type[nn.Module] = nn.Linear) -> Tiny:
    torch.manual_seed(0)
    return Tiny(depth, block).eval()


def state(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def moved(one: nn.Module, before: dict[str, torch.Tensor]) -> set[str]:
    return {name for name, tensor in one.state_dict().items() if not torch.equal(tensor, before[name])}


def of_blocks(*numbers: int) -> set[str]:
    return {f"blocks.{number}.{name}" for number in numbers for name in ("weight", "bias")}


def losses_of(monkeypatch, method: RMU, model: nn.Module, request) -> list[float]:
    """The loss at every step of a call."""
    seen: list[float] = []
    backward = torch.Tensor.backward

    def spy(self, *args, **kwargs):
        seen.append(self.item())
        return backward(self, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(torch.Tensor, "backward", spy)
        method.unlearn(model, request)
    return seen


def direction_of(generator: torch.Generator) -> torch.Tensor:
    drawn = torch.rand(WIDTH, generator=generator)
    return drawn / drawn.square().sum().sqrt()


class TestLoss:
    @pytest.mark.parametrize("block", [nn.Linear, Tuple], ids=["tensor", "tuple"])
    def test_at_the_original_it_is_the_distance_of_forget_tokens_from_the_direction(self, monkeypatch, block):
        # The retain term is 0 at the original, whatever alpha. The last of four tokens is padding and does not count.
        model, request = model_of(3, block), request_of(2, 5)
        first = losses_of(monkeypatch, RMU(steering=2.0, block=0), model, request)[0]
        ids = rows_of(2).columns["input_ids"]
        with torch.no_grad():
            hidden = model.embed(ids) @ model.blocks[0].weight.T + model.blocks[0].bias
        wanted = 2.0 * direction_of(torch.Generator().manual_seed(request.seed))
        by_hand = sum(((hidden[row, token] - wanted) ** 2).sum().item() for row in range(2) for token in range(3)) / 6
        assert first == pytest.approx(by_hand, rel=1e-5)

    def test_after_a_step_the_retain_term_counts_alpha_times(self, monkeypatch):
        # Two runs that differ in alpha alone agree at the first step, gradient included, and so reach the same second
        # model: there the loss is forget + alpha * retain, linear in alpha.
        model, request = model_of(3), request_of(2, 2, dataclasses.replace(RECIPE, schedule="constant"))
        second = {
            alpha: losses_of(monkeypatch, RMU(alpha=alpha, epochs=2), model, request)[1] for alpha in (1.0, 2.0, 5.0)
        }
        retain = second[2.0] - second[1.0]
        assert retain > 0
        assert second[5.0] == pytest.approx(second[1.0] + 4 * retain, rel=1e-4)

    def test_without_a_mask_every_token_counts(self, monkeypatch):
        model, request = model_of(3), request_of(2, 0)
        request = dataclasses.replace(request, forget=RequestRows(rows_of(2), ("input_ids",)))
        first = losses_of(monkeypatch, RMU(steering=2.0, block=0), model, request)[0]
        with torch.no_grad():
            hidden = model.blocks[0](model.embed(rows_of(2).columns["input_ids"]))
        # without retain rows the direction is the first that is drawn, too
        wanted = 2.0 * direction_of(torch.Generator().manual_seed(request.seed))
        assert first == pytest.approx((hidden - wanted).square().sum().item() / 8, rel=1e-5)

    def test_forget_activations_reach_the_direction_where_nothing_is_retained(self):
        request = request_of(1, 0, dataclasses.replace(RECIPE, learning_rate=0.1))
        found = RMU(steering=2.0, block=0, epochs=300, learning_rate_share=1.0).unlearn(model_of(3), request)
        with torch.no_grad():
            hidden = found.blocks[0](found.embed(rows_of(1).columns["input_ids"]))[0, :3]
        wanted = 2.0 * direction_of(torch.Generator().manual_seed(request.seed))
        torch.testing.assert_close(hidden, wanted.expand(3, WIDTH), atol=0.02, rtol=0)


class TestWhatIsTrained:
    @pytest.mark.parametrize(
        ("depth", "block", "trained"),
        [
            (6, 4, (2, 3, 4)),
            (6, 1, (0, 1)),
            (6, 0, (0,)),
            (6, None, (0, 1)),  # the second of six
            (2, None, (0,)),
            (12, None, (1, 2, 3)),
        ],
    )
    def test_that_block_and_the_two_before_it_and_nothing_else(self, depth, block, trained):
        model = model_of(depth)
        found = RMU(block=block).unlearn(model, request_of(3, 5))
        assert moved(found, state(model)) == of_blocks(*trained)

    def test_frozen_parameters_stay_as_they_were(self):
        model = model_of(6)
        model.blocks[1].weight.requires_grad_(False)
        found = RMU(block=1).unlearn(model, request_of(3, 5))
        assert moved(found, state(model)) == of_blocks(0, 1) - {"blocks.1.weight"}
        assert [name for name, p in found.named_parameters() if not p.requires_grad] == ["blocks.1.weight"]


@pytest.mark.parametrize(("forget", "retain"), [(0, 5), (1, 5), (9, 4), (4, 0)])
def test_any_request_is_served_and_the_original_left_alone(forget, retain):
    model = model_of()
    before = state(model)
    found = RMU().unlearn(model, request_of(forget, retain))
    assert moved(model, before) == set()
    assert (moved(found, before) == set()) is (forget == 0)
    assert not any(module.training for module in found.modules())
    assert all(parameter.requires_grad for parameter in (*model.parameters(), *found.parameters()))
    assert not any(module._forward_hooks for one in (model, found) for module in one.modules())


def test_hooks_are_removed_when_the_model_fails(monkeypatch):
    seen = []
    remove = torch.utils.hooks.RemovableHandle.remove
    monkeypatch.setattr(torch.utils.hooks.RemovableHandle, "remove", lambda self: (seen.append(self), remove(self)))

    class Broken(TinyTask):
        def logits(self, model, batch):
            super().logits(model, batch)
            seen.append(model)
            raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        RMU().unlearn(model_of(), dataclasses.replace(request_of(2, 2), task=Broken()))
    asked = next(entry for entry in seen if isinstance(entry, nn.Module))
    assert not any(module._forward_hooks for module in asked.modules())
    assert all(parameter.requires_grad for parameter in asked.parameters())


def test_the_seed_alone_decides():
    model, request = model_of(), request_of(3, 5)
    found = []
    for ambient, seed in ((1, 3), (2, 3), (1, 4)):
        torch.manual_seed(ambient)
        found.append(state(RMU().unlearn(model, dataclasses.replace(request, seed=seed))))
    assert all(torch.equal(found[0][name], found[1][name]) for name in found[0])
    assert not torch.equal(found[0]["blocks.0.weight"], found[2]["blocks.0.weight"])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"steering": 0.0}, r"^steering must lie in \(0, inf\), got 0.0$"),
        ({"alpha": -1.0}, r"^alpha must lie in \[0, inf\), got -1.0$"),
        ({"block": -1}, r"^block must be at least 0, or None for a third of the way up, got -1$"),
        ({"epochs": 0}, r"^epochs must be at least 1, got 0$"),
        ({"learning_rate_share": 0.0}, r"^learning_rate_share must lie in \(0, inf\), got 0.0$"),
    ],
)
def test_settings_outside_their_range_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        RMU(**settings)


def test_a_block_that_the_model_lacks_is_refused():
    with pytest.raises(ValueError, match=r"^block must lie in \[0, 5\] for this model, got 6$"):
        RMU(block=6).unlearn(model_of(6), request_of(2, 2))
