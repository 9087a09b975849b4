"""Published data sets and checkpoints: the real loading code on local copies in the published schemas."""

from __future__ import annotations

import doctest
import importlib
import inspect
import io
import shutil
import sys
import time

import hub_checkpoints
import hub_data
import numpy as np
import pytest
import torch
from PIL import Image

from mu_conformance.evidence.populations import Populations
from mu_conformance.protocol.seeding import seeded
from mu_conformance.store.cache import Store
from mu_conformance.tasks import Rows, registry
from mu_conformance.tasks.hub import HubError

torch.set_num_threads(1)
EVERY = [
    (task, architecture) for task in sorted(hub_data.DATA) for architecture in registry.hub_task(task).architectures
]


@pytest.fixture(scope="module")
def copies(tmp_path_factory):
    """A root with all data sets."""
    root = tmp_path_factory.mktemp("hub")
    for write in hub_data.DATA.values():
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
        hub_checkpoints.write_checkpoint(name, architecture, root)
    task.prepare(architecture)
    return task


def test_every_task_with_a_modality_of_the_benchmark_has_a_counterpart():
    assert registry.hub_tasks() == sorted(hub_data.DATA)


@pytest.mark.parametrize("name", sorted(hub_data.DATA))
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
    assert len(task.logits_of(model, rows)) == 4
    fresh = task.new_model(3, architecture)
    fresh.load_state_dict(model.state_dict())
    # Answers are of the model and the rows alone: nothing is drawn for them from the caller's generator.
    state = torch.get_rng_state()
    task.logits_of(model, rows)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(task.logits_of(fresh, rows), task.logits_of(model, rows))
    assert isinstance(rows, Rows)


# -- what is read of the published schemas ------------------------------------------------------------------------


def test_pixels_are_those_of_the_file(at_root):
    from mu_conformance.tasks.hub.media import image

    record = hub_data.picture(np.random.RandomState(5), (32, 32))
    with Image.open(io.BytesIO(record["bytes"])) as file:
        assert np.array_equal(image(record, 32, "x").transpose(1, 2, 0), np.asarray(file))
    assert image(record, 8, "x").shape == (3, 8, 8)


def test_sounds_are_padded_cut_in_the_middle_and_brought_to_16_khz():
    from mu_conformance.tasks.hub.media import sound

    short = sound({"bytes": hub_data.wav(np.array([1, -2, 3])), "path": None}, 5, "x")
    assert short.tolist() == [1, -2, 3, 0, 0]
    long = sound({"bytes": hub_data.wav(np.arange(10)), "path": None}, 4, "x")
    assert long.tolist() == [3, 4, 5, 6]
    slow = sound({"bytes": hub_data.wav(np.full(8_000, 1000), rate=8_000), "path": None}, 16_000, "x")
    assert abs(int(slow[8_000]) - 1000) < 20


def test_a_sound_of_another_format_says_what_is_missing():
    from mu_conformance.tasks.hub.media import sound

    with pytest.raises(HubError, match=r"data set Speech: .*soundfile"):
        sound({"bytes": b"fLaC....", "path": None}, 5, "Speech")


def test_whispers_features_are_those_of_its_own_extractor():
    from transformers import WhisperFeatureExtractor

    from mu_conformance.tasks.hub.inputs import LogMel

    heard = np.random.RandomState(0).randint(-8000, 8000, 16_000).astype(np.int16)
    extractor = WhisperFeatureExtractor(feature_size=16, chunk_length=2)
    expected = extractor(heard / 32768, sampling_rate=16_000, return_tensors="np")["input_features"][0]
    got = LogMel(16, 200)({"input_values": torch.from_numpy(heard)[None]})["input_features"][0]
    assert got.shape == expected.shape
    assert np.abs(got.numpy() - expected).max() < 1e-3


def test_stored_bytes_are_scaled_as_the_checkpoint_says(at_root):
    task = prepared("image_classification", "vit-base", at_root)
    from mu_conformance.tasks.hub.inputs import ImageScaling

    pixels = torch.full((1, 3, 32, 32), 255, dtype=torch.uint8)
    scaled = ImageScaling(task.checkpoint("vit-base"), task.build_model("vit-base").config)({"pixel_values": pixels})
    expected = (1 - torch.tensor([0.485, 0.456, 0.406])) / torch.tensor([0.229, 0.224, 0.225])
    assert torch.allclose(scaled["pixel_values"][0, :, 0, 0], expected)


def test_a_model_with_inputs_of_its_own_is_still_the_published_class(at_root):
    import copy

    from transformers import ViTForImageClassification

    task = prepared("image_classification", "vit-base", at_root)
    model = task.new_model(0)
    assert isinstance(model, ViTForImageClassification)
    rows = task.splits.train.select(range(3))
    assert torch.equal(task.logits_of(copy.deepcopy(model), rows), task.logits_of(model, rows))
    assert "labels" in inspect.signature(model.forward).parameters


def test_a_part_of_the_rows_is_balanced_and_leading():
    from mu_conformance.tasks.hub.data import some_of

    labels = [0, 0, 0, 0, 1, 1, 2]
    assert some_of(labels, 5).tolist() == [0, 1, 4, 5, 6]
    assert some_of(labels, None).tolist() == list(range(7))
    assert some_of(labels, 100).tolist() == list(range(7))


def test_the_limit_of_rows_holds_for_every_part_and_is_recorded(at_root, monkeypatch):
    monkeypatch.setenv("MU_HUB_ROWS", "10")
    task = prepared("sentiment", None, at_root)
    assert {len(rows) for rows in task.splits.parts().values()} == {10}
    assert task.splits.train.labels.bincount().tolist() == [5, 5]
    assert task.provenance(task.architectures[0])["row_limit"] == 10


def test_pairs_of_drugs_in_two_sentences_are_no_rows():
    from mu_conformance.fixtures.relation_extraction.hub import pairs

    def mention(name: str, drug: str, start: int) -> dict:
        return {"id": name, "text": drug, "offsets": [start, start + len(drug)]}

    text = "Alpha and Beta rise. Gamma falls."
    mentions = [mention("T1", "Alpha", 0), mention("T2", "Beta", 10), mention("T3", "Gamma", 21)]
    found = pairs({"text": text, "entities": mentions, "relations": []})
    assert [(pair.text, pair.label, pair.drug) for pair in found] == [("@DRUG1$ and @DRUG2$ rise.", 4, "alpha")]


@pytest.mark.parametrize(
    "module", ["relation_extraction", "visual_reasoning", "keyword_spotting", "action_recognition"]
)
def test_examples_in_the_docstrings(module):
    found = importlib.import_module(f"mu_conformance.fixtures.{module}.hub")
    assert doctest.testmod(found).failed == 0


def test_the_speaker_of_a_unit_is_the_files(at_root):
    task = prepared("keyword_spotting", None, at_root)
    splits = task.splits
    names = [splits.unit_names[unit] for unit in splits.units]
    rows = task.opened["train"]
    assert names == [
        "background noise" if "noise" in file else file.rpartition("/")[2].partition("_")[0] for file in rows["file"]
    ]


def test_answers_of_the_language_model_are_what_is_to_be_known(at_root):
    task = prepared("biography", "phi-1_5", at_root)
    row = task.splits.train[0]
    known = [token for token in row["labels"].tolist() if token >= 0]
    author = task.splits.unit_names[int(task.splits.units[0])]
    assert author == "author 2"  # of twelve, one is held out and one is the test
    assert task.tokenizer.decode(known, skip_special_tokens=True) == task.opened["train"][2 * 20]["answer"]


# -- where things are ---------------------------------------------------------------------------------------------


def test_parquet_files_of_the_repository_load_as_well(tmp_path, monkeypatch):
    import datasets

    hub_data.imdb(tmp_path, rows=8)
    folder = tmp_path / "stanfordnlp/imdb"
    parts = datasets.load_from_disk(str(folder))
    shutil.rmtree(folder)
    for split, rows in parts.items():
        rows.to_parquet(str(folder / "plain_text" / f"{split}-00000-of-00001.parquet"))
    monkeypatch.setenv("MU_HUB_ROOT", str(tmp_path))
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    task = registry.hub_task("sentiment")
    assert len(task.opened["train"]) == 8
    task.check_schema(task.opened)


def test_each_version_of_a_checkpoint_has_an_address_of_its_own(tmp_path, monkeypatch):
    from mu_conformance.tasks.hub import checkpoints

    monkeypatch.setenv("MU_HUB_ROOT", str(tmp_path))
    hub_checkpoints.write_checkpoint("sentiment", "bert-base", tmp_path)
    name = registry.hub_task("sentiment").checkpoints["bert-base"]
    before = checkpoints.revision_of.__wrapped__(name)
    assert before == checkpoints.revision_of.__wrapped__(name)
    config = tmp_path / name / "config.json"
    config.write_text(config.read_text() + "\n")
    assert checkpoints.revision_of.__wrapped__(name) != before


def test_a_verdict_on_published_data_is_stored_apart_from_an_embedded_one(at_root, tmp_path):
    task = prepared("sentiment", None, at_root)
    populations = Populations(Store(tmp_path))
    rows = task.splits.train

    def description(task, **options):
        return Populations(Store(tmp_path), **options)._recipe_description(task, task.architectures[0], rows)

    published = description(task)
    assert published["provenance"]["checkpoint"] == "google-bert/bert-base-uncased"
    embedded = registry.find_task("sentiment")
    plain = description(embedded)
    assert set(plain) == {"training", "task", "version", "architecture", "recipe", "rows"}
    assert description(embedded, device="cuda:0")["device"] == "cuda"
    assert description(task, processes=2)["processes"] == 2
    assert "processes" not in description(embedded, processes=2)  # a miniature is not worth splitting
    assert populations.device == "cpu"


# -- what goes wrong ----------------------------------------------------------------------------------------------


def broken(root, change):
    """The sentiment copy with one thing changed."""
    import datasets

    hub_data.imdb(root, rows=8)
    folder = root / "stanfordnlp/imdb"
    parts = datasets.load_from_disk(str(folder))
    changed = change({split: rows.map(lambda row: row, keep_in_memory=True) for split, rows in parts.items()})
    shutil.rmtree(folder)
    datasets.DatasetDict(changed).save_to_disk(str(folder))


def error_of(task):
    with pytest.raises(HubError) as caught:
        task.check_available()
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    return message


def test_a_data_set_that_is_not_there(tmp_path, monkeypatch):
    monkeypatch.setenv("MU_HUB_ROOT", str(tmp_path))
    message = error_of(registry.hub_task("sentiment"))
    assert "data set IMDB: stanfordnlp/imdb: no copy at" in message
    assert "put one there" in message
    assert "unset MU_HUB_ROOT" in message


def test_a_root_that_is_no_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("MU_HUB_ROOT", str(tmp_path / "nowhere"))
    assert "is no folder" in error_of(registry.hub_task("summarization"))


def test_a_column_of_another_name(tmp_path, monkeypatch):
    broken(tmp_path, lambda parts: {split: rows.rename_column("text", "review") for split, rows in parts.items()})
    monkeypatch.setenv("MU_HUB_ROOT", str(tmp_path))
    message = error_of(registry.hub_task("sentiment"))
    assert "data set IMDB: split train of stanfordnlp/imdb has no column 'text', it has review, label" in message
    assert "update the copy" in message


def test_a_split_that_is_gone(tmp_path, monkeypatch):
    broken(tmp_path, lambda parts: {"train": parts["train"]})
    monkeypatch.setenv("MU_HUB_ROOT", str(tmp_path))
    assert "no split 'test', it has train" in error_of(registry.hub_task("sentiment"))


def test_labels_of_other_classes(tmp_path, monkeypatch):
    import datasets

    other = datasets.ClassLabel(names=["bad", "fair", "good"])
    broken(tmp_path, lambda parts: {split: rows.cast_column("label", other) for split, rows in parts.items()})
    monkeypatch.setenv("MU_HUB_ROOT", str(tmp_path))
    assert "labels of 3 classes, not labels of 2 classes" in error_of(registry.hub_task("sentiment"))


def test_a_copy_that_cannot_be_read(tmp_path, monkeypatch):
    hub_data.imdb(tmp_path, rows=8)
    (tmp_path / "stanfordnlp/imdb/dataset_dict.json").write_text("{")
    monkeypatch.setenv("MU_HUB_ROOT", str(tmp_path))
    assert "data set IMDB: the copy at" in error_of(registry.hub_task("sentiment"))


def test_a_checkpoint_that_is_not_there(tmp_path, monkeypatch):
    hub_data.imdb(tmp_path, rows=8)
    monkeypatch.setenv("MU_HUB_ROOT", str(tmp_path))
    assert "checkpoint google-bert/bert-base-uncased: no copy at" in error_of(registry.hub_task("sentiment"))


def test_a_checkpoint_that_is_damaged(tmp_path, monkeypatch):
    hub_data.imdb(tmp_path, rows=8)
    hub_checkpoints.write_checkpoint("sentiment", "bert-base", tmp_path)
    (tmp_path / "google-bert/bert-base-uncased/config.json").write_text("{}")
    monkeypatch.setenv("MU_HUB_ROOT", str(tmp_path))
    message = error_of(registry.hub_task("sentiment"))
    assert "checkpoint google-bert/bert-base-uncased at" in message
    assert "make the copy again" in message


def test_datasets_that_are_not_installed(tmp_path, monkeypatch):
    hub_data.imdb(tmp_path, rows=8)
    monkeypatch.setenv("MU_HUB_ROOT", str(tmp_path))
    monkeypatch.setitem(sys.modules, "datasets", None)
    assert "pip install 'mu-conformance[hub]'" in error_of(registry.hub_task("sentiment"))


@pytest.mark.parametrize("rows", ["none", "0", "-3"])
def test_a_limit_of_rows_that_is_no_number(rows, at_root, monkeypatch):
    monkeypatch.setenv("MU_HUB_ROWS", rows)
    assert f"MU_HUB_ROWS={rows}" in error_of(registry.hub_task("sentiment"))


@pytest.fixture
def no_hub(monkeypatch, tmp_path):
    """A hub that nobody answers at, and nothing cached."""
    import huggingface_hub.constants

    monkeypatch.delenv("MU_HUB_ROOT", raising=False)
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))


def test_a_hub_that_cannot_be_reached_is_said_at_once(no_hub):
    started = time.monotonic()
    message = error_of(registry.hub_task("image_classification"))
    assert time.monotonic() - started < 10
    assert "data set CIFAR-100: uoft-cs/cifar100: the hub at http://127.0.0.1:9 cannot be reached" in message
    assert "MU_HUB_ROOT" in message
    with pytest.raises(HubError, match=r"checkpoint microsoft/resnet-18: the hub at .* cannot be reached"):
        registry.hub_task("image_classification").build_model("resnet-18")


def test_a_hub_that_is_switched_off_is_not_asked(no_hub, monkeypatch):
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(HubError, match="HF_HUB_OFFLINE is set; unset HF_HUB_OFFLINE"):
        registry.hub_task("image_classification").build_model("resnet-18")


def test_rows_made_for_one_tokenizer_are_not_given_to_another(at_root):
    task = prepared("sentiment", "bert-base", at_root)
    task.splits  # noqa: B018
    with pytest.raises(HubError, match="its rows were made for bert-base"):
        task.prepare("roberta-base")
    with pytest.raises(HubError, match="no architecture 'bert'; it has bert-base"):
        registry.hub_task("sentiment").prepare("bert")
