"""Published data sets and checkpoints: the real loading code on local copies in the published schemas."""

from __future__ import annotations

import hub_copies
import pytest
import torch

from mu_conformance import registry
from mu_conformance.seeding import seeded
from mu_conformance.task import Rows

torch.set_num_threads(1)
EVERY = [
    (task, architecture) for task in sorted(hub_copies.DATA) for architecture in registry.hub_task(task).architectures
]


@pytest.fixture(scope="module")
def copies(tmp_path_factory):
    """A root with all data sets."""
    root = tmp_path_factory.mktemp("hub")
    for write in hub_copies.DATA.values():
        write(root)
    return root


@pytest.fixture
def at_root(copies, monkeypatch):
    monkeypatch.setenv("MU_HUB_ROOT", str(copies))
    return copies


def prepared(name, architecture, root):
    task = registry.hub_task(name)
    architecture = architecture or task.architectures[0]
    if not (root / task.checkpoints[architecture]).exists():
        hub_copies.write_checkpoint(name, architecture, root)
    task.prepare(architecture)
    return task


def test_every_task_with_a_modality_of_the_benchmark_has_a_counterpart():
    assert registry.hub_tasks() == sorted(hub_copies.DATA)


@pytest.mark.parametrize("name", sorted(hub_copies.DATA))
def test_the_copy_loads_as_the_task_wants_it(name, at_root):
    task = prepared(name, None, at_root)
    assert task.name == name
    task.check_available()
    splits = task.splits
    contents = {}
    for part, rows in splits.parts().items():
        contents[part] = {rows.select([number]).digest() for number in range(len(rows))}
        assert len(rows) >= 4
    assert not contents["train"] & contents["holdout"]
    assert not contents["train"] & contents["test"]
    if task.deletion_unit is not None:
        assert "unit" in task.forget_sets
        assert splits.deletable_units is None or splits.deletable_units


@pytest.mark.parametrize(("name", "architecture"), EVERY)
def test_every_backbone_loads_trains_and_answers(name, architecture, at_root):
    task = prepared(name, architecture, at_root)
    model = task.new_model(1, architecture)
    assert sorted(task.new_model(2, architecture).state_dict()) == sorted(model.state_dict())
    rows = task.splits.train.select(range(4))
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    before = torch.cat([parameter.detach().flatten().clone() for parameter in trainable])
    optimiser = torch.optim.AdamW(trainable, lr=1e-3)
    with seeded(0):
        loss = task.loss(model.train(), rows.columns)
        loss.backward()
        optimiser.step()
    after = torch.cat([parameter.detach().flatten() for parameter in trainable])
    assert torch.isfinite(loss)
    assert not torch.equal(before, after)
    assert not any(buffer.requires_grad for buffer in model.buffers())
    # Writing texts and drawing images takes long, and is the same for every size.
    outputs = task.outputs(model.eval(), rows, brief=architecture != task.architectures[0])
    assert all(torch.isfinite(value.float()).all() for value in outputs.values())
    assert len(task.answers(model, rows)) == 4
    fresh = task.new_model(3, architecture)
    fresh.load_state_dict(model.state_dict())
    assert torch.equal(task.answers(fresh, rows), task.answers(model, rows))
    assert isinstance(rows, Rows)
