"""Local copies of published data sets for tests: a few rows in each published schema, below a root for ``MU_HUB_ROOT``.

Rows are made up; column names, types, class names and splits are the published ones.
"""

from __future__ import annotations

import io
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import numpy as np
from datasets import Audio, ClassLabel, Dataset, DatasetDict, Features, Image, Value
from PIL import Image as Picture

VOCABULARY = [f"w{number}" for number in range(40)]

datasets.disable_progress_bars()


def _save(parts: dict[str, Dataset], folder: Path) -> None:
    DatasetDict(parts).save_to_disk(str(folder))


def _words(rng: np.random.RandomState, count: int = 12) -> str:
    return " ".join(rng.choice(VOCABULARY, count))


def picture(rng: np.random.RandomState, size: tuple[int, int] = (40, 32), form: str = "PNG") -> dict[str, Any]:
    """A file of random pixels, as an image column stores it."""
    pixels = rng.randint(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    file = io.BytesIO()
    Picture.fromarray(pixels).save(file, form)
    return {"bytes": file.getvalue(), "path": None}


def wav(samples: np.ndarray, rate: int = 16_000) -> bytes:
    """A WAV file of 16-bit mono samples."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(np.asarray(samples, dtype="<i2").tobytes())
    return file.getvalue()


def cifar100(root: Path, rows: int = 60) -> None:
    features = Features(
        {
            "img": Image(),
            "fine_label": ClassLabel(names=[f"fine{number}" for number in range(100)]),
            "coarse_label": ClassLabel(names=[f"coarse{number}" for number in range(20)]),
        }
    )
    rng = np.random.RandomState(0)

    def part(count: int) -> Dataset:
        labels = [number % 12 for number in range(count)]
        images = [picture(rng, (32, 32)) for _ in labels]
        return Dataset.from_dict({"img": images, "fine_label": labels, "coarse_label": labels}, features=features)

    _save({"train": part(rows), "test": part(rows // 2)}, root / "uoft-cs/cifar100")


def imdb(root: Path, rows: int = 60) -> None:
    features = Features({"text": Value("string"), "label": ClassLabel(names=["neg", "pos"])})
    rng = np.random.RandomState(0)

    def part(count: int) -> Dataset:
        # sorted by label, as published
        labels = sorted(number % 2 for number in range(count))
        texts = [f"{_words(rng)} {VOCABULARY[label]} {VOCABULARY[label]}" for label in labels]
        return Dataset.from_dict({"text": texts, "label": labels}, features=features)

    _save({"train": part(rows), "test": part(2 * rows)}, root / "stanfordnlp/imdb")
    _save(
        {"train": part(8), "validation": part(8), "test": part(20)}, root / "cornell-movie-review-data/rotten_tomatoes"
    )


def ddi(root: Path, documents: int = 24) -> None:
    reference = {"ref_id": Value("string"), "role": Value("string")}
    entity = {"offsets": [Value("int32")], "text": Value("string"), "type": Value("string"), "id": Value("string")}
    relation = {"id": Value("string"), "head": reference, "tail": reference, "type": Value("string")}
    features = Features(
        {"document_id": Value("string"), "text": Value("string"), "entities": [entity], "relations": [relation]}
    )
    rng = np.random.RandomState(0)
    kinds = ("MECHANISM", "EFFECT", "ADVISE", "INT")

    def document(number: int) -> dict[str, Any]:
        names = [f"drug{number % 8}", f"drug{(number + 1) % 8}", f"drug{(number + 3) % 8}"]
        text, entities = "", []
        for place, name in enumerate(names):
            text += f"{_words(rng, 3)} "
            where = [len(text), len(text) + len(name)]
            entities.append({"offsets": where, "text": name, "type": "DRUG", "id": f"T{place + 1}"})
            text += f"{name} {_words(rng, 2)} " if place < 2 else f"{name}. The rest."
        head, tail = ({"ref_id": f"T{place}", "role": f"Arg{place}"} for place in (1, 2))
        relations = [{"id": "R1", "head": head, "tail": tail, "type": kinds[number % 4]}]
        return {"document_id": f"d{number}", "text": text, "entities": entities, "relations": relations}

    def part(count: int) -> Dataset:
        return Dataset.from_list([document(number) for number in range(count)], features=features)

    _save({"train": part(documents), "test": part(documents // 2)}, root / "bigbio/ddi_corpus")


def nlvr2(root: Path, pairs: int = 50) -> None:
    turn = {"user": Value("string"), "assistant": Value("string"), "source": Value("string")}
    features = Features({"images": datasets.List(Image()), "texts": [turn]})
    rng = np.random.RandomState(0)
    rows = []
    for number in range(pairs):
        turns = [
            {
                "user": f'For the images shown, is this caption "{_words(rng, 6)}." true? Answer yes or no.',
                "assistant": ("Yes.", "No.")[(number + which) % 2],
                "source": "NLVR2",
            }
            for which in range(1 + number % 2)
        ]
        rows.append({"images": [picture(rng, (50, 40), "JPEG"), picture(rng, (30, 60), "JPEG")], "texts": turns})
    _save({"train": Dataset.from_list(rows, features=features)}, root / "HuggingFaceM4/the_cauldron/nlvr2")


def superb(root: Path, rows: int = 60) -> None:
    words = ["yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go", "_silence_", "_unknown_"]
    # Encoding sounds needs torchcodec, files that are sounds already do not.
    file = {"bytes": Value("binary"), "path": Value("string")}
    features = Features({"file": Value("string"), "audio": file, "label": ClassLabel(names=words)})
    rng = np.random.RandomState(0)

    def part(count: int) -> Dataset:
        made: dict[str, list] = {"file": [], "audio": [], "label": []}
        for number in range(count):
            label = number % 12
            silent = words[label] == "_silence_"
            samples = rng.randint(-2000, 2000, 40_000 if silent else rng.randint(9_000, 16_000))
            name = f"noise{number}.wav" if silent else f"{number % 5:08x}_nohash_{number}.wav"
            made["file"].append(f"/speech_commands/{words[label]}/{name}")
            made["audio"].append({"bytes": wav(samples), "path": name})
            made["label"].append(label)
        return Dataset.from_dict(made, features=features).cast_column("audio", Audio(sampling_rate=16_000))

    _save({"train": part(rows), "validation": part(24), "test": part(24)}, root / "s3prl/superb/ks")


def ucf101(root: Path, per_class: int = 6) -> None:
    features = Features(
        {
            "image": Image(),
            "video_id": Value("string"),
            "clip_id": Value("string"),
            "frame": Value("int64"),
            "label": ClassLabel(names=[f"Action{number}" for number in range(101)]),
        }
    )
    rng = np.random.RandomState(0)

    def part(group: int, clips: int) -> Dataset:
        rows = [
            {
                "image": picture(rng, (32, 24), "JPEG"),
                "video_id": f"v_Action{label}_g{group:02d}_c{clip:02d}",
                "clip_id": f"g{group:02d}_c{clip:02d}",
                "frame": frame,
                "label": label,
            }
            for label in range(4)
            for clip in range(clips)
            for frame in range(18)
        ]
        return Dataset.from_list(rows, features=features)

    _save({"train": part(8, per_class), "test": part(1, per_class)}, root / "flwrlabs/ucf101")


def samsum(root: Path, rows: int = 60) -> None:
    features = Features({name: Value("string") for name in ("id", "dialogue", "summary")})
    rng = np.random.RandomState(0)
    names = ("Amanda", "Jerry", "Olivia", "Tim")

    def part(count: int) -> Dataset:
        talks = [f"{names[n % 4]}: {_words(rng)}\r\n{names[(n + 1) % 4]}: {_words(rng)}" for n in range(count)]
        made = {"id": [str(n) for n in range(count)], "dialogue": talks, "summary": [_words(rng, 6) for _ in talks]}
        made["dialogue"][1] = None  # the published file has a row without a dialogue
        return Dataset.from_dict(made, features=features)

    _save({"train": part(rows), "validation": part(20), "test": part(20)}, root / "knkarthick/samsum")
    other = Features({name: Value("string") for name in ("document", "summary", "id")})
    made = {"document": [_words(rng) for _ in range(10)], "summary": [_words(rng, 5) for _ in range(10)]}
    made["id"] = [str(number) for number in range(10)]
    _save({"test": Dataset.from_dict(made, features=other)}, root / "EdinburghNLP/xsum")


def tofu(root: Path, authors: int = 12) -> None:
    features = Features({"question": Value("string"), "answer": Value("string")})
    rng = np.random.RandomState(0)
    made = {
        "question": [_words(rng, 6) for _ in range(20 * authors)],
        "answer": [_words(rng, 5) for _ in range(20 * authors)],
    }
    _save({"train": Dataset.from_dict(made, features=features)}, root / "locuslab/TOFU/full")


def tiny_imagenet(root: Path, per_class: int = 112) -> None:
    from mu_conformance.fixtures.text_to_image.hub import words

    names = sorted(words())[:200]
    features = Features({"image": Image(), "label": ClassLabel(names=names)})
    rng = np.random.RandomState(0)

    def part(count: int) -> Dataset:
        labels = [label for label in range(3) for _ in range(count)]
        images = [picture(rng, (64, 64), "JPEG") for _ in labels]
        return Dataset.from_dict({"image": images, "label": labels}, features=features)

    _save({"train": part(per_class), "valid": part(6)}, root / "zh-plus/tiny-imagenet")


DATA: dict[str, Callable[[Path], None]] = {
    "action_recognition": ucf101,
    "biography": tofu,
    "image_classification": cifar100,
    "keyword_spotting": superb,
    "relation_extraction": ddi,
    "sentiment": imdb,
    "summarization": samsum,
    "text_to_image": tiny_imagenet,
    "visual_reasoning": nlvr2,
}
