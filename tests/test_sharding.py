"""Sharded ensembles, and SISA on them."""

from __future__ import annotations

import copy
import dataclasses

import linear_task
import pytest
import torch

from mu_conformance.conditions.conditions import Conditions
from mu_conformance.conditions.shards import Part, ShardedEnsemble, shard_numbers
from mu_conformance.methods import SISA, Retrain
from mu_conformance.protocol.claims import Guarantee
from mu_conformance.protocol.recipe import TrainingRecipe
from mu_conformance.protocol.seeding import derive_seed
from mu_conformance.tasks import Rows, TaskError, TaskView, registry
from mu_conformance.training.loop import fit

SHARDS = 3
TASK = linear_task.TASK.under(Conditions(shards=SHARDS))
RECIPE = TrainingRecipe(3, 4, 0.1)
ROWS = linear_task.rows_of(40)
NUMBERS = shard_numbers(ROWS, SHARDS)


def request_of(forget: Rows, retain: Rows, task=TASK):
    request = linear_task.request_of(forget, retain)
    return dataclasses.replace(request, recipe=RECIPE, task=TaskView(task, "linear"))


def same(one, other) -> bool:
    return all(torch.equal(tensor, other.state_dict()[name]) for name, tensor in one.state_dict().items())


class TestEnsemble:
    def test_its_probabilities_are_the_mean_of_the_members(self):
        model, batch = TASK.new_model(0), dict(ROWS.columns)
        found = model(**batch)
        mean = sum(member(batch["x"]).logits.softmax(1) for member in model.members) / SHARDS
        torch.testing.assert_close(found.logits.exp(), mean)
        right = mean[torch.arange(40), ROWS.labels]
        assert found.loss.item() == pytest.approx(-right.log().mean().item(), rel=1e-5)
        assert model(x=batch["x"]).loss is None

    def test_members_are_drawn_apart(self):
        one, two, three = TASK.new_model(0).members
        assert not any(same(*pair) for pair in ((one, two), (two, three), (one, three)))

    def test_a_task_without_classes_is_refused(self):
        with pytest.raises(TaskError, match="task biography has no classes, whose probabilities an ensemble"):
            registry.find_task("biography").under(Conditions(shards=2))


class TestShards:
    def test_a_row_is_in_the_same_shard_whatever_else_there_is(self):
        some = [3, 17, 4]
        assert shard_numbers(ROWS.select(some), SHARDS).tolist() == NUMBERS[some].tolist()

    def test_a_label_does_not_move_a_row(self):
        other = ROWS.with_labels(torch.arange(40).numpy(), torch.zeros(40, dtype=torch.int64).numpy())
        assert torch.equal(shard_numbers(other, SHARDS), NUMBERS)

    def test_shards_are_of_about_equal_size(self):
        counts = torch.bincount(shard_numbers(linear_task.rows_of(3000), SHARDS), minlength=SHARDS)
        # 1000 each; five standard deviations of a binomial are 129
        assert (counts - 1000).abs().max() < 129

    def test_a_part_is_its_rows(self):
        part = Part(ROWS, torch.tensor([5, 2]))
        assert len(part) == 2
        assert torch.equal(part[1]["x"], ROWS[2]["x"])
        assert torch.equal(part.batch([1, 0])["labels"], ROWS.labels[[2, 5]])

    def test_each_member_is_trained_on_its_shard_alone(self):
        model = fit(TASK.new_model(0), ROWS, TASK, RECIPE, 7)
        fresh = TASK.new_model(0)
        for shard, member in enumerate(fresh.members):
            own = ROWS.select(torch.nonzero(shard == NUMBERS).flatten().numpy())
            assert same(fit(member, own, TASK, RECIPE, derive_seed(7, "shard", shard)), model.members[shard])


class TestSISA:
    original = fit(TASK.new_model(1), ROWS, TASK, RECIPE, 1)

    def forget_of(self, shard: int) -> tuple[Rows, Rows]:
        at = torch.nonzero(shard == NUMBERS).flatten()[:2].tolist()
        return ROWS.select(at), ROWS.select([row for row in range(40) if row not in at])

    @pytest.mark.parametrize("shard", range(SHARDS))
    def test_only_the_shard_that_held_the_rows_is_retrained_and_the_others_are_bitwise_the_same(self, shard):
        found = SISA().unlearn(self.original, request_of(*self.forget_of(shard)))
        kept = [same(found.members[number], self.original.members[number]) for number in range(SHARDS)]
        assert kept == [number != shard for number in range(SHARDS)]

    def test_the_retrained_member_is_training_on_what_remains_of_its_shard(self):
        forget, retain = self.forget_of(1)
        request = request_of(forget, retain)
        found = SISA().unlearn(self.original, request)
        own = retain.select(torch.nonzero(shard_numbers(retain, SHARDS) == 1).flatten().numpy())
        fresh = TASK.new_model(request.seed).members[1]
        assert same(found.members[1], fit(fresh, own, TASK, RECIPE, derive_seed(request.seed, "shard", 1)))

    def test_with_rows_in_every_shard_it_is_retraining(self):
        at = [int(torch.nonzero(shard == NUMBERS)[0]) for shard in range(SHARDS)]
        request = request_of(ROWS.select(at), ROWS.select([row for row in range(40) if row not in at]))
        assert same(SISA().unlearn(self.original, request), Retrain().unlearn(self.original, request))

    def test_an_original_that_is_no_ensemble_is_one_shard(self):
        request = request_of(ROWS.select([0]), ROWS.select(range(1, 40)), linear_task.TASK)
        model = linear_task.TASK.new_model(5)
        assert same(SISA().unlearn(model, request), Retrain().unlearn(model, request))

    @pytest.mark.parametrize("forget", [0, 40])
    def test_nothing_and_everything(self, forget):
        before = copy.deepcopy(self.original)
        found = SISA().unlearn(self.original, request_of(ROWS.select(range(forget)), ROWS.select(range(forget, 40))))
        assert same(before, self.original)
        assert same(found, self.original) is (forget == 0)
        assert isinstance(found, ShardedEnsemble)
        assert not any(module.training for module in found.modules())

    def test_it_claims_to_be_exact(self):
        assert SISA.claims.guarantee == Guarantee.EXACT
