"""Data-parallel training: the same weights as one process, from real processes."""

from __future__ import annotations

import pytest
import torch

from mu_conformance.evidence import populations
from mu_conformance.tasks import Rows, registry
from mu_conformance.training import data_parallel as parallel


def test_two_processes_train_what_one_does():
    torch.set_num_threads(1)
    task = registry.find_task("sentiment")
    # an odd number of rows: the batches, and the shares of a batch, are of unequal size
    rows = task.splits.train.select(range(75))
    alone = populations.train(task, "bert", rows, 3).state_dict()
    together = parallel.train(task, "bert", rows, 3, device="cpu", processes=2).state_dict()
    start = task.new_model(3, "bert").state_dict()
    moved = max(float((alone[name] - start[name]).abs().max()) for name in alone)
    apart = max(float((alone[name] - together[name]).abs().max()) for name in alone)
    assert moved > 0.01
    assert apart < 1e-3 * moved


def test_the_shares_of_a_batch_weigh_as_much_as_they_hold():
    labels = torch.tensor([[5, -100, -100], [5, 6, 7], [5, 6, -100]])
    rows = Rows({"x": torch.arange(3), "labels": labels})
    shares = [parallel.Share(rows, rank, 2) for rank in range(2)]
    held = [share.batch(torch.tensor([2, 0, 1]))["x"].tolist() for share in shares]
    assert held == [[2, 0], [1]]
    # means over tokens: three of six in either share, and the two factors average to one
    assert [share.factor for share in shares] == [1.0, 1.0]
    classes = parallel.Share(Rows({"labels": torch.tensor([0, 1, 0])}), 0, 2)
    classes.batch(torch.tensor([0, 1, 2]))
    assert classes.factor == pytest.approx(4 / 3)


def test_a_share_without_rows_counts_for_nothing():
    share = parallel.Share(Rows({"labels": torch.tensor([0, 1])}), 1, 2)
    assert len(share.batch(torch.tensor([1]))["labels"]) == 1
    assert share.factor == 0.0


def test_a_training_that_fails_says_what_was_printed():
    class Elsewhere(type(registry.find_task("sentiment"))):
        """A task that no other process can import, for it is defined in a function."""

    task = Elsewhere()
    with pytest.raises(parallel.ParallelTrainingError, match="has no attribute"):
        parallel.train(task, "bert", task.splits.train, 3, device="cpu", processes=1)


def test_a_named_device_is_one_device():
    assert parallel.device_count("cpu") == 1
    assert parallel.device_count("cuda:0") == 1
    assert parallel.device_count("cuda") == max(1, torch.cuda.device_count())
