"""Random labels and SalUn on a diffusion model: other prompts, worked out by hand and on the real task."""

from __future__ import annotations

import types

import pytest
import torch
from mu_conformance.fixtures.text_to_image import TASK
from torch import nn

from mu_conformance.isolation.child import RequestRows
from mu_conformance.methods import RandomLabel, SalUn
from mu_conformance.methods.parts.prompts import Reprompted, other_prompts, prompted_otherwise
from mu_conformance.protocol.recipe import TrainingRecipe
from mu_conformance.protocol.request import Budget, DeletionRequest
from mu_conformance.tasks import Rows, TaskView, registry

COLUMNS = ("pixel_values", "input_ids")


class Scaled(nn.Module):
    """Predicts w * (the prompt's only word) + noise, where the pixels should come out."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(2.0))

    def forward(self, pixel_values, input_ids):
        noise = torch.randn_like(pixel_values)
        predicted = self.weight * input_ids.float() + noise
        return types.SimpleNamespace(
            logits=predicted, target=pixel_values, loss=(predicted - pixel_values).square().mean(), noise=noise
        )


def rows_of(words: list[int]) -> Rows:
    ids = torch.tensor(words)[:, None]
    return Rows({"pixel_values": torch.zeros(len(words), 1), "input_ids": ids})


def dataset_of(words: list[int]) -> RequestRows:
    return RequestRows(rows_of(words), COLUMNS)


def drawn(forget: list[int], retain: list[int], seed: int = 0) -> list[int]:
    found = other_prompts(dataset_of(forget), dataset_of(retain), torch.Generator().manual_seed(seed))
    return found.flatten().tolist()


class TestOtherPrompts:
    def test_of_retain_rows_and_never_a_rows_own(self):
        found = drawn([1] * 300 + [7] * 300, [1, 2, 2, 2, 3])
        assert set(found[:300]) == {2, 3}
        assert set(found[300:]) == {1, 2, 3}
        # different prompts are equally likely, however many rows have one: 4 standard deviations of a binomial are 35
        assert abs(found[:300].count(2) - 150) < 35

    def test_without_retain_rows_of_the_other_forget_rows(self):
        assert drawn([1, 2, 1], []) == [2, 1, 2]

    def test_no_forget_row_needs_none(self):
        assert drawn([], [1, 2]) == []

    @pytest.mark.parametrize("retain", [[], [4, 4]])
    def test_one_prompt_alone_is_refused(self, retain):
        with pytest.raises(ValueError, match="two different prompts or more to choose from"):
            drawn([4], retain)


class TestLoss:
    def test_by_hand(self):
        # weight 2. The deleted row: own prompt 1, other 4, the same noise: (2 - 8)^2 = 36, and its gradient
        # 2 (2 - 8) 1 = -12, since the target has none. The retain row: (2 * 3 + noise - 0)^2.
        rows = Reprompted(dataset_of([3]), dataset_of([1]), torch.tensor([[4]]))
        batch = TaskView.collate([rows[0], rows[1]])
        model = Scaled()
        torch.manual_seed(5)
        noise = torch.randn(2, 1)[0].item()
        torch.manual_seed(5)
        loss = prompted_otherwise(model, batch)
        loss.backward()
        assert loss.item() == pytest.approx((36 + (6 + noise) ** 2) / 2, rel=1e-5)
        assert model.weight.grad.item() == pytest.approx((-12 + 2 * (6 + noise) * 3) / 2, rel=1e-5)

    def test_nothing_where_the_other_prompt_is_the_rows_own(self):
        rows = Reprompted(dataset_of([]), dataset_of([1, 2]), torch.tensor([[1], [2]]))
        assert prompted_otherwise(Scaled(), TaskView.collate([rows[0], rows[1]])).item() == 0.0

    def test_retain_rows_alone_have_the_tasks_own_loss(self):
        rows = Reprompted(dataset_of([3, 5]), dataset_of([]), torch.zeros(0, 1))
        batch = TaskView.collate([rows[0], rows[1]])
        torch.manual_seed(5)
        found = prompted_otherwise(Scaled(), batch)
        torch.manual_seed(5)
        assert found == Scaled()(batch["pixel_values"], batch["input_ids"]).loss

    def test_the_rows_and_their_order(self):
        forget = dataset_of([1])
        rows = Reprompted(dataset_of([3]), forget, torch.tensor([[4]]))
        seen = [
            (int(row["input_ids"]), int(row["other_input_ids"]), bool(row["deleted"]))
            for row in map(rows.__getitem__, range(len(rows)))
        ]
        assert seen == [(3, 3, False), (1, 4, True)]
        assert set(forget[0]) == set(COLUMNS)


@pytest.mark.parametrize("method", [RandomLabel(0.1, 1.0), SalUn(0.5, 0.1, 1.0)])
def test_on_the_task_the_answer_to_a_forget_rows_prompt_moves(method):
    architecture, train = TASK.architectures[0], TASK.splits.train
    forget, retain = train.select(range(8)), train.select(range(8, 48))
    model = TASK.new_model(3)
    request = DeletionRequest(
        RequestRows(forget, COLUMNS),
        RequestRows(retain, COLUMNS),
        TaskView(TASK, architecture),
        TrainingRecipe(20, 24, 4e-3),
        3,
        torch.device("cpu"),
        Budget(),
    )
    before = TASK.logits_of(model, forget)
    found = method.unlearn(model, request)
    assert (TASK.logits_of(found, forget) - before).abs().mean() > 0.01
    assert torch.equal(TASK.logits_of(model, forget), before)


@pytest.mark.parametrize("method", [RandomLabel, SalUn])
def test_they_are_claimed_where_a_label_can_be_another(method):
    covered = {
        task.name
        for task in map(registry.find_task, registry.task_names())
        if method.claims.covers(task.name, task.modality, task.features)
    }
    assert covered == set(registry.task_names()) - {"biography", "summarization"}
