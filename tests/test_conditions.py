"""Conditions: how they are written, and what a task is under them."""

from __future__ import annotations

import dataclasses

import linear_task
import pytest
import torch
from linear_task import TASK, rows_of

from mu_conformance.checks import manifest
from mu_conformance.conditions.conditions import Conditions
from mu_conformance.conditions.lora import add_lora
from mu_conformance.conditions.superloss import superloss
from mu_conformance.evidence import populations
from mu_conformance.evidence.budgets import retrain_flops
from mu_conformance.protocol.recipe import TrainingRecipe
from mu_conformance.scenarios.profiles import PROFILES
from mu_conformance.scenarios.scenario import Scenario, scenario_names
from mu_conformance.store.cache import Store
from mu_conformance.tasks import TaskError, TaskView, registry
from mu_conformance.training.loop import fit

LORA = Conditions(lora_rank=2)
SUPERLOSS = Conditions(curriculum="superloss")


class TestWriting:
    def test_none(self):
        assert Conditions.parse() == Conditions()
        assert (Conditions().suffix, Conditions().options, Conditions().of_training) == ("", "", {})

    def test_all(self):
        found = Conditions.parse("lora:8", "superloss", "0.2", "3")
        assert found == Conditions(8, "superloss", 0.2, 3)
        assert found.suffix == "+lora-8+superloss+shards-3+budget-0.2"
        assert found.options == " --mu-peft lora:8 --mu-curriculum superloss --mu-shards 3 --mu-budget 0.2"
        assert found.of_training == {"lora_rank": 8, "curriculum": "superloss", "shards": 3}

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            ({"peft": "lora"}, r"adapters are written lora:R, R the rank, such as lora:8; got 'lora'"),
            ({"peft": "ia3:4"}, r"adapters are written lora:R"),
            ({"peft": "lora:0"}, r"the rank of LoRA adapters must be at least 1, got 0"),
            ({"curriculum": "self-paced"}, r"unknown curriculum 'self-paced'; the choices are: superloss"),
            ({"shards": "two"}, r"shards are a number, such as 4; got 'two'"),
            ({"shards": "1"}, r"an ensemble has two shards or more, got 1"),
            ({"budget": "much"}, r"a budget is a share of retraining's FLOPs, such as 0.2; got 'much'"),
            ({"budget": "0"}, r"a budget is a share of retraining's FLOPs above 0, got 0"),
            ({"budget": "-1"}, r"above 0, got -1"),
            ({"budget": "nan"}, r"above 0, got nan"),
            ({"budget": "inf"}, r"above 0, got inf"),
        ],
    )
    def test_what_is_refused(self, given, message):
        with pytest.raises(ValueError, match=message):
            Conditions.parse(**given)


class TestTaskUnder:
    def test_names_carry_the_conditions(self):
        task = TASK.under(Conditions(4, None, 0.5))
        assert scenario_names(task, PROFILES["smoke"]) == ["toy/random-10%+lora-4+budget-0.5"]
        assert manifest.contract_scenario(task) == "toy/contract+lora-4+budget-0.5"
        assert scenario_names(TASK, PROFILES["smoke"]) == ["toy/random-10%"]

    def test_data_that_are_loaded_are_shared(self):
        splits = TASK.splits
        assert TASK.under(SUPERLOSS).splits is splits

    def test_a_trained_models_address_depends_on_what_changes_training(self, tmp_path):
        keys = {
            conditions: populations.Populations(Store(tmp_path)).model_key(
                Scenario(TASK.under(conditions), "random", 0.1, "linear"), rows_of(3), 0
            )
            for conditions in (Conditions(), LORA, Conditions(lora_rank=3), SUPERLOSS, Conditions(budget=0.5))
        }
        assert len(set(keys.values())) == 4
        assert keys[Conditions()] == keys[Conditions(budget=0.5)]

    def test_superloss_is_in_the_requests_loss(self):
        task, model, batch = TASK.under(SUPERLOSS), TASK.new_model(0).train(), dict(rows_of(6).columns)
        rows = TASK.row_losses(model, batch)
        expected = superloss(rows, rows.mean().item()).mean().item()
        assert TaskView(task, "linear").loss(model, batch).item() == pytest.approx(expected)
        assert TaskView(TASK, "linear").loss(model, batch).item() == pytest.approx(rows.mean().item())

    def test_training_under_superloss_is_another_and_depends_on_the_seed_alone(self):
        recipe, found = TrainingRecipe(5, 2, 0.1), []
        for task in (TASK, TASK.under(SUPERLOSS), TASK.under(SUPERLOSS)):
            found.append(fit(task.new_model(0), rows_of(8), task, recipe, 1).linear.weight)
        assert not torch.equal(found[0], found[1])
        assert torch.equal(found[1], found[2])

    def test_a_task_without_losses_of_rows_is_refused(self):
        class Unknown(linear_task.Toy):
            row_losses = linear_task.Toy.__mro__[2].row_losses

        with pytest.raises(TaskError, match="task toy has no row_losses, which a curriculum weighs"):
            Unknown().under(SUPERLOSS)

    def test_adapters_alone_are_trained(self):
        task = TASK.under(LORA)
        model = task.new_model(0)
        free = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
        assert free == ["linear.lora_A.default.weight", "linear.lora_B.default.weight"]
        before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        after = fit(model, rows_of(8), task, TrainingRecipe(3, 2, 0.1), 1).state_dict()
        assert {name for name in before if not torch.equal(before[name], after[name])} == set(free)

    def test_adapters_beside_random_weights_are_trained_longer(self):
        plain, found = TASK.recipe_for("linear"), TASK.under(LORA).recipe_for("linear")
        assert found == dataclasses.replace(plain, epochs=3 * plain.epochs)

    def test_embeddings_have_adapters_beside_random_weights_alone(self, monkeypatch):
        words = "bert.embeddings.word_embeddings.lora_embedding_A.default"
        task = registry.find_task("sentiment").under(LORA)
        assert dict(task.new_model(0).named_parameters())[words].requires_grad
        monkeypatch.setattr(type(task), "from_checkpoint", True)
        assert words not in dict(task.new_model(0).named_parameters())

    def test_adapters_beside_a_checkpoint_are_trained_by_the_recipe(self, monkeypatch):
        monkeypatch.setattr(linear_task.Toy, "from_checkpoint", True)
        assert TASK.under(LORA).recipe_for("linear") == TASK.recipe_for("linear")

    def test_a_convex_task_is_not_under_adapters(self):
        tabular = registry.find_task("tabular")
        assert "convex" in tabular.features
        assert "convex" in tabular.under(Conditions(budget=0.5)).features
        assert "convex" not in tabular.under(LORA).features
        assert "convex" not in tabular.under(SUPERLOSS).features


class TestAddLora:
    def test_a_new_adapter_adds_nothing_and_a_trained_one_its_product(self):
        model, x = TASK.new_model(0), torch.randn(4, 2)
        with torch.no_grad():
            expected = model(x).logits
            torch.testing.assert_close(add_lora(model, 2)(x).logits, expected)
            layer = model.linear
            layer.lora_B.default.weight.fill_(0.5)
            product = layer.lora_B.default.weight @ layer.lora_A.default.weight
            # alpha over rank is 2
            torch.testing.assert_close(model(x).logits, expected + 2 * x @ product.T)

    def test_embeddings_on_request_but_no_tied_derived_and_frozen_ones(self):
        class Shifted(torch.nn.Embedding):
            def forward(self, ids, by):
                return super().forward(ids + by)

        model = torch.nn.ModuleDict({"alone": torch.nn.Embedding(5, 2), "tied": torch.nn.Embedding(3, 2)})
        model.update({"output": torch.nn.Linear(2, 3), "shifted": Shifted(5, 2), "twice": torch.nn.Embedding(5, 2)})
        model["frozen"] = torch.nn.Embedding(5, 2).requires_grad_(False)
        model["output"].weight, model["again"] = model["tied"].weight, model["twice"]
        names = {name for name, p in add_lora(model, 2, embeddings=True).named_parameters() if p.requires_grad}
        embedding = {f"alone.lora_embedding_{side}.default" for side in "AB"}
        assert names == embedding | {f"output.lora_{side}.default.weight" for side in "AB"}

    def test_a_grouped_convolution_goes_without(self):
        model = torch.nn.Sequential(torch.nn.Conv2d(6, 6, 3, groups=6), torch.nn.Conv2d(6, 2, 1))
        free = [name for name, p in add_lora(model, 4).named_parameters() if p.requires_grad]
        assert free == ["1.lora_A.default.weight", "1.lora_B.default.weight"]

    def test_a_model_without_such_a_layer_is_refused(self):
        with pytest.raises(ValueError, match="ReLU has no layer that LoRA adapters go into"):
            add_lora(torch.nn.ReLU(), 2)


@pytest.mark.parametrize("name", registry.task_names())
class TestEveryTask:
    def test_row_losses_are_the_loss_of_each_row(self, name):
        task = registry.find_task(name)
        model, rows = task.new_model(0), task.splits.train.select(range(3))
        torch.manual_seed(0)
        found = task.row_losses(model, dict(rows.columns))
        assert found.shape == (3,)
        if name == "text_to_image":
            # noise is drawn for the batch
            torch.manual_seed(0)
            assert found.mean().item() == pytest.approx(task.loss(model, dict(rows.columns)).item(), rel=1e-5)
            return
        alone = [task.loss(model, dict(rows.select([row]).columns)).item() for row in range(3)]
        assert found.tolist() == pytest.approx(alone, rel=1e-4)

    def test_what_is_predicted_explains_the_likelihood(self, name):
        task = registry.find_task(name)
        model, batch = task.new_model(0), dict(task.splits.train.select(range(3)).columns)
        if "likelihood" not in task.features:
            with pytest.raises(TaskError, match="has no labels whose likelihood its model could give"):
                task.predicted(model, batch)
            return
        logits, labels = task.predicted(model, batch)
        assert logits.ndim == 2
        assert len(labels) == len(logits) == task.answer_lengths(batch).sum()
        each = -torch.nn.functional.cross_entropy(logits, labels, reduction="none")
        assert each.sum().item() == pytest.approx(task.log_likelihood(model, batch).sum().item(), rel=1e-5)

    def test_it_carries_adapters(self, name):
        task = registry.find_task(name).under(LORA)
        model = task.new_model(0)
        batch = dict(task.splits.train.select(range(2)).columns)
        task.training_loss(model, batch).backward()
        free = [name for name, p in model.named_parameters() if p.requires_grad]
        assert free
        assert all("lora_" in name for name in free)

    def test_retraining_is_its_steps(self, name):
        task = registry.find_task(name)
        kind = "unit" if "unit" in task.forget_sets else "random"
        scenario = Scenario(task, kind, 0.1, task.architectures[0])
        one, two = (retrain_flops(scenario, scenario.retain.select(range(n))) for n in (40, 80))
        assert two == pytest.approx(2 * one, rel=0.05)
        assert one > 0


def test_flops_of_retraining_a_linear_model_by_hand():
    # a row: x [2] through [2, 3] forwards, and backwards for the weights alone: 2 * 2 * 2 * 3 FLOPs
    scenario = Scenario(TASK, "random", 0.1, "linear")
    assert retrain_flops(scenario, rows_of(5)) == TASK.recipe.epochs * 5 * 24
