"""visual_reasoning: what is drawn, when a sentence is true, whose rows are whose, and which labels are wrong."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch
from mu_conformance.fixtures import visual_reasoning
from mu_conformance.fixtures.visual_reasoning.scenes import (
    ANNOTATORS,
    CELL,
    COLOURS,
    GRAIN,
    PLACES,
    SHAPES,
    SIZE,
    Example,
    Item,
    draw,
    examples,
    wording,
)
from transformers import ViltForImagesAndTextClassification

from mu_conformance.tasks import registry

WHITE = np.ones(3)
RED, BLUE = Item(0, "square", "red"), Item(3, "circle", "blue")


@pytest.fixture(scope="module")
def task():
    return registry.find_task("visual_reasoning")


@pytest.fixture(scope="module")
def made():
    return examples(20 * ANNOTATORS, (1, 3), np.random.RandomState(5))


def holds(text: str, left: bool, right: bool) -> bool:
    """Whether a sentence is true, read from its words; ``left``, ``right``: that image has a shape of its colour."""
    return {"left": left, "right": right, "each": left and right, "some": left or right}[
        text.removeprefix("the ").split()[0]
    ]


class TestSentences:
    @pytest.mark.parametrize(
        ("place", "truth"),
        [
            # of no image, the right one, the left one, both
            ("the left image", (False, False, True, True)),
            ("the right image", (False, True, False, True)),
            ("each image", (False, False, False, True)),
            ("some image", (False, True, True, True)),
        ],
    )
    def test_when_a_place_is_true(self, place, truth):
        cases = [(False, False), (False, True), (True, False), (True, True)]
        assert tuple(case in PLACES[place] for case in cases) == truth

    def test_no_two_annotators_word_a_sentence_alike(self):
        texts = {Example((RED,), (BLUE,), "each image", "red", annotator, 0).text for annotator in range(ANNOTATORS)}
        assert len(texts) == ANNOTATORS
        assert "each image has a red shape" in texts

    def test_every_word_of_an_annotator_is_another_ones_too(self):
        verbs, nouns = (Counter(words) for words in zip(*map(wording, range(ANNOTATORS)), strict=True))
        assert set(verbs.values()) == {3}
        assert set(nouns.values()) == {4}


class TestExamples:
    def test_they_are_a_function_of_the_generator(self, made):
        assert examples(len(made), (1, 3), np.random.RandomState(5)) == made
        assert examples(len(made), (1, 3), np.random.RandomState(6)) != made

    def test_the_label_is_whether_the_sentence_is_true_of_the_images(self, made):
        for one in made:
            left, right = (any(item.colour in one.text.split() for item in scene) for scene in (one.left, one.right))
            assert holds(one.text, left, right) == bool(one.label), one

    def test_each_annotator_has_as_many_true_as_false(self, made):
        assert set(Counter((one.annotator, one.label) for one in made).values()) == {10}

    def test_every_sentence_is_true_of_some_and_false_of_some(self, made):
        said = {(one.place, one.colour, one.label) for one in made}
        assert len(said) == len(PLACES) * len(COLOURS) * 2

    def test_images_are_as_full_as_asked_with_one_shape_to_a_cell(self, made):
        scenes = [scene for one in made for scene in (one.left, one.right)]
        assert {len(scene) for scene in scenes} == {1, 2, 3}
        for scene in scenes:
            cells = [item.cell for item in scene]
            assert cells == sorted(set(cells))
            assert set(cells) <= {0, 1, 2, 3}

    def test_no_example_occurs_twice(self, made):
        assert len({(one.left, one.right, one.place, one.colour) for one in made}) == len(made)

    @pytest.mark.parametrize("word", ["left", "right", "each", "some", "red", "blue"])
    def test_no_word_alone_gives_the_label_away(self, made, word):
        labels = [one.label for one in made if word in one.text.split()]
        assert 0.3 < np.mean(labels) < 0.7


class TestDraw:
    def image(self, *scene: Item, paper: np.ndarray = WHITE) -> np.ndarray:
        return draw(scene, paper, np.random.RandomState(0))

    def test_an_empty_image_is_paper_and_grain(self):
        image = self.image(paper=np.array([1.0, 0.5, 0.0]))
        assert image.shape == (3, SIZE, SIZE)
        assert image.dtype == np.float32
        # 256 pixels a channel: the mean's standard error is an eightieth of a percent
        assert np.allclose(image.mean(axis=(1, 2)), [1.0, 0.5, 0.0], atol=0.005)
        assert image[0].std() == pytest.approx(GRAIN, rel=0.15)

    @pytest.mark.parametrize(("cell", "top", "left"), [(0, 0, 0), (1, 0, 8), (2, 8, 0), (3, 8, 8)])
    def test_a_shape_is_in_its_cell_and_nowhere_else(self, cell, top, left):
        changed = abs(self.image(Item(cell, "square", "red")) - self.image()).max(axis=0) > 0.05
        # half the 8 pixels less 3 either side of the middle: 6 x 6 of 8 x 8
        expected = np.zeros((SIZE, SIZE), dtype=bool)
        expected[top + 1 : top + 7, left + 1 : left + 7] = True
        assert (changed == expected).all()

    @pytest.mark.parametrize("colour", COLOURS)
    def test_a_shape_has_its_colour(self, colour):
        middle = self.image(Item(0, "circle", colour))[:, 3:5, 3:5]
        assert np.allclose(middle.mean(axis=(1, 2)), COLOURS[colour], atol=4 * GRAIN / 2)

    def test_the_shapes_differ_and_fit_their_cell(self):
        assert len({mask.tobytes() for mask in SHAPES.values()}) == len(SHAPES)
        for name, mask in SHAPES.items():
            assert mask.shape == (CELL, CELL)
            assert (mask == mask[:, ::-1]).all(), name
        # a triangle points up: each row is as wide as the one above, or wider
        widths = SHAPES["triangle"].sum(axis=1)
        drawn = widths[widths > 0]
        assert (np.diff(drawn) >= 0).all()
        assert drawn[0] < drawn[-1]


class TestRows:
    def test_a_unit_is_the_annotator_of_its_rows(self, task):
        # A unit's sentences all have one verb and one noun, and no two units the same two: the words that all hold.
        splits = task.splits
        input_ids = splits.train.columns["input_ids"].numpy()
        everywhere = set.intersection(*map(set, input_ids.tolist()))
        own = [
            frozenset.intersection(*map(frozenset, input_ids[splits.units == unit].tolist())) - everywhere
            for unit in range(ANNOTATORS)
        ]
        assert {len(words) for words in own} == {2}
        assert len(set(own)) == ANNOTATORS

    def test_an_annotator_keeps_its_paper(self, task):
        # Pixels that no shape reaches: the border of the image. 60 pixels x 2 images x 36 rows of grain.
        edge = np.ones((SIZE, SIZE), dtype=bool)
        edge[1:-1, 1:-1] = False
        paper = {}
        for part in ("train", "holdout"):
            pixels = task.splits.parts()[part].columns["pixel_values"].numpy()
            paper[part] = np.stack([pixels[unit::ANNOTATORS][..., edge].mean((0, 1, 3)) for unit in range(ANNOTATORS)])
        assert np.allclose(paper["train"], paper["holdout"], atol=0.01)
        apart = abs(paper["train"][:, None] - paper["train"][None]).max(axis=2) + np.eye(ANNOTATORS)
        assert apart.min() > 0.02

    def test_slips_are_as_many_of_each_annotator_and_the_other_labels_are_true(self, task):
        # A row's true label follows from its place by construction: a round of false ones, then a round of true ones.
        for part, rows in task.splits.parts().items():
            wrong = rows.labels.numpy() != np.arange(len(rows)) // ANNOTATORS % 2
            expected = visual_reasoning.SLIPS if part in ("train", "holdout") else 0
            assert [int(wrong[unit::ANNOTATORS].sum()) for unit in range(ANNOTATORS)] == [expected] * ANNOTATORS

    def test_out_of_distribution_images_are_full(self, task):
        # No patch without ink: grain alone keeps a patch's pixels within 0.2 of each other, in units of the pixels.
        for part, full in (("ood", True), ("train", False)):
            pixels = task.splits.parts()[part].columns["pixel_values"] * visual_reasoning.SPREAD
            patches = pixels.unfold(3, CELL, CELL).unfold(4, CELL, CELL).flatten(-2)
            inked = (patches.amax(-1) - patches.amin(-1)).amax(2) > 0.2
            assert inked.flatten(1).all(1).any() == full
            assert inked.flatten(1).all() == full

    def test_pixels_are_about_normalised(self, task):
        pixels = task.splits.train.columns["pixel_values"]
        assert abs(pixels.mean()) < 0.25
        assert 0.75 < pixels.std() < 1.25

    def test_words_are_in_the_vocabulary(self, task):
        for rows in task.splits.parts().values():
            assert int(rows.columns["input_ids"].max()) < visual_reasoning.VOCABULARY


class TestModel:
    def test_it_is_transformers_vilt_for_two_images(self, task):
        model = task.new_model(0)
        assert isinstance(model, ViltForImagesAndTextClassification)
        assert model.config.num_images == 2

    def test_it_answers_as_transformers_own_embeddings_do(self, task):
        # They shuffle the patches, which attention does not see.
        model, own = task.new_model(0), task.new_model(0)
        own.vilt.embeddings.__class__ = type(own.vilt.embeddings).__mro__[1]
        own.config.max_image_length = -1
        batch = task.splits.train.select(range(8)).columns
        # From zero, as they start, a patch's position would not show.
        for one in (model, own):
            torch.nn.init.normal_(one.vilt.embeddings.position_embeddings, generator=torch.Generator().manual_seed(1))
        assert type(own.vilt.embeddings).__name__ == "ViltEmbeddings"
        assert torch.allclose(task.logits(model, batch), task.logits(own, batch), atol=1e-4)

    def test_which_image_is_the_left_one_tells(self, task):
        model, rows = task.new_model(0), task.splits.test.select(range(4))
        swapped = {**rows.columns, "pixel_values": rows.columns["pixel_values"].flip(1)}
        assert not torch.allclose(task.logits(model, rows.columns), task.logits(model, swapped), atol=1e-3)
