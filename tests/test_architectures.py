"""Every architecture of every embedded task: what the suite expects of a model, and what its name promises."""

from __future__ import annotations

import copy
import dataclasses

import numpy as np
import pytest
import safetensors.torch
import torch
from mu_conformance.fixtures.keyword_spotting.framewise import end_to_end

from mu_conformance.protocol.seeding import seeded
from mu_conformance.tasks import ClassificationTask, LanguageModelTask, registry
from mu_conformance.training import loop as training

EVERY = [(name, architecture) for name, task in sorted(registry.tasks().items()) for architecture in task.architectures]
LIKELIHOOD = [
    (name, architecture)
    for name, architecture in EVERY
    if isinstance(registry.find_task(name), ClassificationTask | LanguageModelTask)
]
NOT_TRAINED = {"whisper": ["encoder.embed_positions.weight"]}
"""Weights that the published architecture itself does not train: Whisper's positions are sinusoids."""
MU_BENCH = {
    "action_recognition": "videomae-small videomae-base",
    "biography": "llama gpt2",
    "image_classification": (
        "resnet-18 resnet-34 resnet-50 vit-base vit-large swin-tiny swin-base mobilenet_v2 convnext"
    ),
    "keyword_spotting": "whisper wav2vec2 hubert",
    "relation_extraction": "biobert biomedbert",
    "sentiment": "bert roberta distilbert electra deberta-v3 albert",
}


def some(name: str, rows: int = 8) -> dict[str, torch.Tensor]:
    return registry.find_task(name).splits.train.select(range(rows)).columns


def stepped(name: str, architecture: str) -> torch.nn.Module:
    """A model after two optimiser steps in training mode, so that running statistics have moved too."""
    task = registry.find_task(name)
    recipe = dataclasses.replace(task.recipe_for(architecture), epochs=1, batch_size=8)
    with seeded(0):
        return training.fit(task.new_model(3, architecture), task.splits.train.select(range(16)), task, recipe, seed=0)


@pytest.mark.parametrize("name", sorted(MU_BENCH))
def test_the_names_are_those_of_mu_bench_and_the_first_is_the_default(name):
    assert registry.find_task(name).architectures == tuple(MU_BENCH[name].split())


@pytest.mark.parametrize(("name", "architecture"), EVERY)
class TestEveryArchitecture:
    def test_its_weights_are_a_function_of_the_seed(self, name, architecture):
        task = registry.find_task(name)
        one, same, other = (task.new_model(seed, architecture).state_dict() for seed in (1, 1, 2))
        assert all(torch.equal(one[key], same[key]) for key in one)
        assert any(not torch.equal(one[key], other[key]) for key in one)

    def test_every_trainable_weight_is_used(self, name, architecture):
        # A weight without a gradient would be as good as frozen: no method could change it, and no check would see it.
        task = registry.find_task(name)
        model = task.new_model(0, architecture).train()
        with seeded(0):
            task.loss(model, some(name, 32)).backward()
        parameters = dict(model.named_parameters())
        without = [key for key, parameter in parameters.items() if parameter.grad is None or not parameter.grad.any()]
        assert without == NOT_TRAINED.get(architecture, [])
        assert all(torch.isfinite(p.grad).all() for p in parameters.values() if p.grad is not None)

    def test_its_weights_survive_a_file_and_stay_tied(self, name, architecture):
        task = registry.find_task(name)
        model = stepped(name, architecture)
        content = safetensors.torch.save({key: tensor.clone() for key, tensor in model.state_dict().items()})
        loaded = task.new_model(0, architecture)
        loaded.load_state_dict(safetensors.torch.load(content))
        before, after = model.state_dict(), loaded.state_dict()
        assert before.keys() == after.keys()
        assert all(torch.equal(before[key], after[key]) for key in before)
        assert _sharing(model) == _sharing(loaded)
        rows = task.splits.train.select(range(8))
        assert torch.equal(task.logits_of(model, rows), task.logits_of(loaded, rows))

    def test_training_is_deterministic(self, name, architecture):
        one, same = (stepped(name, architecture).state_dict() for _ in range(2))
        assert all(torch.equal(one[key], same[key]) for key in one)

    def test_a_copy_is_a_model_of_its_own(self, name, architecture):
        task = registry.find_task(name)
        model = task.new_model(0, architecture)
        rows = task.splits.train.select(range(4))
        before = task.logits_of(model, rows)
        other = copy.deepcopy(model)
        with torch.no_grad():
            for parameter in other.parameters():
                parameter.zero_()
        assert torch.equal(task.logits_of(model, rows), before)
        assert not torch.equal(task.logits_of(other, rows), before)


@pytest.mark.parametrize(("name", "architecture"), LIKELIHOOD)
class TestForward:
    def test_it_gives_a_loss_and_logits(self, name, architecture):
        task = registry.find_task(name)
        batch = some(name)
        answer = task.new_model(0, architecture)(**batch)
        assert answer.loss.ndim == 0
        assert torch.isfinite(answer.loss)
        length = batch["labels"].shape[1:]
        choices = task.num_classes if task.num_classes is not None else len(task.words)
        assert answer.logits.shape == (8, *length, choices)

    @pytest.mark.parametrize("training_mode", [False, True], ids=["evaluation", "training"])
    def test_it_draws_nothing(self, name, architecture, training_mode):
        task = registry.find_task(name)
        model = task.new_model(0, architecture).train(training_mode)
        torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()
        losses = [task.loss(copy.deepcopy(model), some(name)).item() for _ in range(2)]
        assert losses[0] == losses[1]
        assert torch.equal(torch.get_rng_state(), torch_state)
        assert all(np.array_equal(a, b) for a, b in zip(np.random.get_state(), numpy_state, strict=True))

    def test_an_answer_does_not_depend_on_the_other_rows_of_the_batch(self, name, architecture):
        task = registry.find_task(name)
        model = stepped(name, architecture)
        rows = task.splits.train.select(range(8))
        torch.testing.assert_close(task.logits_of(model, rows, 8), task.logits_of(model, rows, 3), rtol=1e-4, atol=1e-4)


def _sharing(model: torch.nn.Module) -> set[frozenset[str]]:
    """Which entries of the state dict are the same memory."""
    names: dict[int, set[str]] = {}
    for key, tensor in model.state_dict().items():
        names.setdefault(tensor.data_ptr(), set()).add(key)
    return {frozenset(keys) for keys in names.values() if len(keys) > 1}


class TestFramewise:
    """Signal models on log-mel features (``fixtures/keyword_spotting/framewise.py``)."""

    def test_frames_are_laid_end_to_end(self):
        # two mels, three frames: frame by frame, not mel by mel
        features = torch.tensor([[[1, 2, 3], [10, 20, 30]]])
        assert end_to_end(features).tolist() == [[1, 10, 2, 20, 3, 30]]

    @pytest.mark.parametrize("architecture", ["wav2vec2", "hubert"])
    def test_a_step_of_the_convolution_sees_one_frame(self, architecture):
        model = registry.find_task("keyword_spotting").new_model(0, architecture)
        features = some("keyword_spotting", 1)["input_features"]
        frames = features.shape[2]
        changed = features.clone()
        changed[:, :, 17] += 1.0
        encoder = getattr(model, architecture).feature_extractor
        before, after = encoder(end_to_end(features)), encoder(end_to_end(changed))
        assert before.shape[2] == frames
        moved = (before != after).any(dim=1)[0]
        assert moved.nonzero().flatten().tolist() == [17]
