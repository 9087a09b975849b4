"""The action_recognition task: what the renderer draws, and how the clips are dealt out."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from mu_conformance.fixtures import action_recognition
from mu_conformance.fixtures.action_recognition import render

from mu_conformance.tasks import registry

WHITE = np.ones((render.SPRITE, render.SPRITE))


@pytest.fixture(scope="module")
def task():
    return registry.find_task("action_recognition")


def path(action: str, seed: int = 0, speeds: tuple[float, float] = (1.0, 1.0)) -> np.ndarray:
    return render.path(action, np.random.RandomState(seed), speeds)


def centre_of_mass(clip: np.ndarray) -> np.ndarray:
    """The middle of what is lit, (down, right) in pixels, in each frame."""
    down, right = np.mgrid[: render.SIZE, : render.SIZE]
    light = clip.sum(axis=(1, 2))
    return np.stack([(clip * down).sum(axis=(1, 2)), (clip * right).sum(axis=(1, 2))], axis=1) / light[:, None]


@pytest.mark.parametrize("seed", range(5))
class TestPath:
    @pytest.mark.parametrize(
        ("action", "step"),
        [("left", (0, -1)), ("right", (0, 1)), ("up", (-1, 0)), ("down", (1, 0)), ("diagonal", (1, 1))],
    )
    def test_at_full_speed_a_pixel_in_each_frame(self, seed, action, step):
        assert np.allclose(np.diff(path(action, seed), axis=0), step)

    def test_slower_is_shorter_by_the_same_share(self, seed):
        slow, fast = (path("right", seed, (speed, speed)) for speed in (0.5, 1.0))
        assert slow[-1, 1] - slow[0, 1] == pytest.approx((fast[-1, 1] - fast[0, 1]) / 2)

    @pytest.mark.parametrize("action", ["grow", "blink", "still"])
    def test_what_does_not_move(self, seed, action):
        assert np.ptp(path(action, seed), axis=0).tolist() == [0, 0]

    @pytest.mark.parametrize(("action", "turn"), [("clockwise", 1), ("counter-clockwise", -1)])
    def test_circles_turn_an_eighth_in_each_frame(self, seed, action, turn):
        points = path(action, seed)
        # Eight eighths: the points are spread evenly over the circle, so their mean is its middle.
        middle = points.mean(axis=0)
        radii = points - middle
        assert np.allclose(np.hypot(*radii.T), render.RADIUS)
        # As an angle from right (3 o'clock) towards down (6 o'clock), which is clockwise on a screen.
        angles = np.unwrap(np.arctan2(radii[:, 0], radii[:, 1]))
        assert np.allclose(np.diff(angles), turn * np.pi / 4)

    def test_no_path_takes_more_than_rounding_out_of_the_frame(self, seed):
        for action in render.ACTIONS:
            corner = path(action, seed) + render.ROOM / 2
            assert corner.min() >= -0.5
            assert corner.max() <= render.ROOM + 0.5


class TestDraw:
    def test_a_sprite_in_the_middle(self):
        clip = render.draw(WHITE, np.zeros((render.FRAMES, 2)), [render.SPRITE] * render.FRAMES)
        expected = np.zeros((render.SIZE, render.SIZE))
        expected[4:12, 4:12] = 1
        assert all((frame == expected).all() for frame in clip)

    def test_a_sprite_is_drawn_upright(self):
        sprite = np.arange(64.0).reshape(8, 8)
        clip = render.draw(sprite, np.tile([1, -2], (render.FRAMES, 1)), [8] * render.FRAMES)
        assert (clip[0, 5:13, 2:10] == sprite).all()

    def test_half_the_size_takes_every_other_pixel(self):
        sprite = np.arange(64.0).reshape(8, 8)
        clip = render.draw(sprite, np.zeros((render.FRAMES, 2)), [4] * render.FRAMES)
        assert (clip[0, 6:10, 6:10] == sprite[::2, ::2]).all()
        assert clip[0].sum() == sprite[::2, ::2].sum()

    def test_a_size_of_nothing_is_a_black_frame(self):
        clip = render.draw(WHITE, np.zeros((render.FRAMES, 2)), [8, 0] * (render.FRAMES // 2))
        assert [int(frame.sum()) for frame in clip] == [64, 0] * (render.FRAMES // 2)

    def test_nothing_is_drawn_outside_the_frame(self):
        clip = render.draw(WHITE, np.full((render.FRAMES, 2), 100.0), [8] * render.FRAMES)
        assert (clip[:, 8:, 8:] == 1).all()
        assert clip.sum() == 64 * render.FRAMES


class TestRender:
    def clip(self, action: str, seed: int = 0) -> np.ndarray:
        return render.render(WHITE, action, np.random.RandomState(seed), (1.0, 1.0))

    @pytest.mark.parametrize("seed", range(3))
    @pytest.mark.parametrize(
        ("action", "direction"), [("left", (0, -1)), ("right", (0, 1)), ("up", (-1, 0)), ("down", (1, 0))]
    )
    def test_what_is_seen_moves_that_way(self, action, direction, seed):
        seen = centre_of_mass(self.clip(action, seed))
        # Seven steps, of which the frame's edge may take one.
        along = (seen[-1] - seen[0]) @ np.array(direction)
        assert 6 <= along <= 7
        assert np.ptp(seen @ (1 - np.abs(direction))) == 0

    def test_growing(self):
        areas = self.clip("grow").sum(axis=(1, 2)).astype(int).tolist()
        # 3 to 8 pixels across in 8 frames, in steps of 5/7
        assert areas == [9, 16, 16, 25, 36, 49, 49, 64]

    def test_blinking(self):
        assert self.clip("blink").sum(axis=(1, 2)).astype(int).tolist() == [64, 64, 0, 0, 64, 64, 0, 0]

    def test_standing_still(self):
        clip = self.clip("still")
        assert (clip == clip[0]).all()
        assert clip[0].sum() == 64

    def test_chance_is_the_generators_alone(self):
        again = [render.render(WHITE, "left", np.random.RandomState(seed)) for seed in (5, 5, 6, 7, 8)]
        assert (again[0] == again[1]).all()
        assert any((again[0] != other).any() for other in again[2:])


def test_the_shapes_differ():
    shapes = render.shapes()
    assert len({shape.tobytes() for shape in shapes}) == len(shapes) == 6
    for shape in shapes:
        assert shape.shape == WHITE.shape
        assert set(shape.ravel().tolist()) == {0.0, 1.0}
        assert 8 <= shape.sum() <= 56


class TestData:
    def test_every_actor_performs_every_action_as_often(self, task):
        splits = task.splits
        pairs = np.stack([splits.units, splits.train.labels.numpy()])
        found, counts = np.unique(pairs, axis=1, return_counts=True)
        assert found.shape[1] == 100
        assert set(counts.tolist()) == {4}

    def test_a_clips_noise_is_its_own(self, task):
        # Nothing but noise differs between frames of a still sprite; half the variance of the difference is the
        # noise's.
        rows = task.splits.train
        still = rows.columns["pixel_values"][rows.labels == render.ACTIONS.index("still")]
        assert (still[:, 1:] - still[:, :-1]).std().item() == pytest.approx(2**0.5 * action_recognition.NOISE, rel=0.02)
        apart = torch.nn.functional.cosine_similarity(
            *((still[row, 1] - still[row, 0]).flatten() for row in (0, 1)), dim=0
        )
        assert abs(apart) < 0.25

    def test_an_actor_keeps_its_background(self, task):
        # The top left corner pixel of growing sprites is background and noise: 4 clips x 8 frames of each actor.
        rows, units = task.splits.train, task.splits.units
        grow = (rows.labels == render.ACTIONS.index("grow")).numpy()
        means = [rows.columns["pixel_values"][grow & (units == actor)][..., 0, :2, :2].mean((0, 1)) for actor in (0, 1)]
        assert (means[0] - means[1]).abs().max() > 0.2
        holdout = task.splits.holdout
        grow = (holdout.labels == render.ACTIONS.index("grow")).numpy() & (units == 0)
        again = holdout.columns["pixel_values"][grow][..., 0, :2, :2].mean((0, 1))
        # 32 values of noise each
        assert (again - means[0]).abs().max() < 5 * action_recognition.NOISE * (2 / 32) ** 0.5

    def test_out_of_distribution_are_actors_that_are_not_digits(self, task):
        assert len(task.splits.ood) == 6 * 10 * 5
        assert np.bincount(task.splits.ood.labels).tolist() == [30] * 10


class TestModels:
    def test_few_tokens(self, task):
        # 8 frames in pairs, 2 x 2 patches of 8 x 8 pixels
        for name in task.architectures:
            assert task.new_model(0, name).videomae.embeddings.num_patches == 4 * 4

    def test_the_base_is_larger(self, task):
        small, base = (sum(p.numel() for p in task.new_model(0, name).parameters()) for name in task.architectures)
        assert base > 1.5 * small

    def test_the_order_of_frames_tells(self, task):
        model, rows = task.new_model(0), task.splits.test.select(range(4))
        backwards = {**rows.columns, "pixel_values": rows.columns["pixel_values"].flip(1)}
        assert not torch.allclose(task.logits(model, rows.columns), task.logits(model, backwards), atol=1e-3)
