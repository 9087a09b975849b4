"""text_to_image: prompts, the fixed noise that rows are measured with, and generation."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from mu_conformance.fixtures.text_to_image import DIGITS, WORDS, TextToImageTask
from sklearn.datasets import load_digits


@pytest.fixture(scope="module")
def task():
    return TextToImageTask()


def test_a_prompt_names_the_digit_and_a_writing_of_its_own(task):
    splits = task.splits
    ids = splits.train.columns["input_ids"]
    named = [WORDS[number] for number in ids[0].tolist() if number < len(WORDS)]
    assert named[:3] == ["<s>", "a", "handwritten"]
    assert named[3] == DIGITS[splits.units[0]]
    writings = torch.cat([rows.columns["input_ids"][:, 4] for rows in (splits.train, splits.holdout)])
    assert len(writings.unique()) == len(writings)
    assert set(splits.test.columns["input_ids"][:, 4].tolist()) == {WORDS.index("<unk>")}


def test_in_training_some_writings_are_unknown_and_nothing_else_changes(task, monkeypatch):
    model, rows = task.new_model(0), task.splits.train.select(range(200))
    seen = []
    encode = model.text_encoder.forward
    monkeypatch.setattr(model.text_encoder, "forward", lambda input_ids: (seen.append(input_ids), encode(input_ids))[1])
    torch.manual_seed(0)
    model(**rows.columns)
    changed = seen[0] != rows.columns["input_ids"]
    assert not changed[:, [0, 1, 2, 3, 5]].any()
    assert set(seen[0][changed].tolist()) == {WORDS.index("<unk>")}
    # 200 draws at a fifth: 40 expected, standard deviation 5.7
    assert 15 < int(changed.sum()) < 65


def test_losses_are_half_the_log_of_the_squared_error(task):
    rows = task.splits.train.select(range(3))
    losses = task.losses({"loss": np.array([1.0, np.e**2, 0.0])}, rows)
    assert losses == pytest.approx([0.0, 1.0, 0.5 * np.log(1e-12)])


def test_the_classifier_knows_the_images_of_the_rows(task):
    rows = task.splits.holdout
    assert (task.recognise(rows.columns["pixel_values"]) == task.concepts(rows)).mean() > 0.97


def test_images_are_those_of_scikit_learn(task):
    digits = load_digits()
    order = np.random.RandomState(0).permutation(len(digits.target))
    assert np.allclose(task.splits.train.columns["pixel_values"][3, 0], digits.images[order[3]] / 8 - 1)


def test_confidences_are_minus_the_log_of_the_losses(task):
    model, rows = task.new_model(0), task.splits.train.select(range(20))
    kept = task.outputs(model, rows)
    assert set(kept) == {"loss", "confidence", "score", "prediction"}
    torch.testing.assert_close(kept["confidence"], -kept["loss"].log())
    torch.manual_seed(1)
    first = task.logits_of(model, rows)
    torch.manual_seed(2)
    assert torch.equal(task.logits_of(model, rows), first)


def test_the_loss_is_the_mean_squared_error_at_the_fixed_timesteps(task):
    model, rows = task.new_model(0), task.splits.train.select(range(3))
    expected = []
    for number, timestep in enumerate(task.timesteps):
        noise = task.fixed_noise(rows.columns["pixel_values"].shape, number + 1)
        with torch.no_grad():
            output = model(**rows.columns, noise=noise, timesteps=torch.full((3,), timestep))
        expected.append(((output.logits - rows.columns["pixel_values"]) ** 2).mean(dim=(1, 2, 3)))
    torch.testing.assert_close(task.outputs(model, rows, brief=True)["loss"], torch.stack(expected).mean(dim=0))


def test_the_same_noise_and_prompt_give_the_same_image(task):
    model = task.new_model(0)
    rows = task.splits.train.select([0, 0])
    first, second = task.generate(model, rows), task.generate(model, rows)
    assert first.shape == (2, 1, 8, 8)
    assert torch.equal(first, second)
    assert torch.isfinite(first).all()


def test_only_the_deletion_of_a_concept_shows_in_generated_images(task):
    assert task.score_tells("unit")
    assert not task.score_tells("random")
