"""A subclass of transformers' Trainer as a method."""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from mu_conformance.judging.session import JudgingSession
from mu_conformance.judging.settings import Settings


def test_a_trainer_subclass_trains_on_the_retain_set(tmp_path, monkeypatch):
    toy = str(Path(__file__).parent / "toy")
    settings = Settings(cache=tmp_path / "cache", tasks=("image_classification",), challenge="drawn for the tests")
    judge = JudgingSession("toy_trainer:RetainTrainer", settings, sys_path=[toy, *sys.path])
    try:
        harness = judge.harness("image_classification")
        record, unusable = harness.usable(harness.usual)
    finally:
        judge.close()
    assert unusable is None, unusable
    assert record.call.report["global_changes"] == []
    moved = [not torch.equal(record.call.state[name], tensor) for name, tensor in harness.original.state_dict().items()]
    assert any(moved)
    # two epochs over the forty rows that the harness retains, and none of the forget set
    assert record.call.report["reads"]["retain"] == {"rows": 40, "draws": 80, "of": 40}
    assert record.call.report["reads"]["forget"]["draws"] == 0
