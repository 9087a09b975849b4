"""Forget rows left behind in files: what is found, and what is not taken for them."""

from __future__ import annotations

import bz2
import csv
import gzip
import json
import lzma
import os
import pickle
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from mu_conformance.isolation.residue import files_in, find_residue, needles_of, recent_files
from mu_conformance.tasks import Rows

IMAGES = Rows(
    {
        "pixel_values": torch.randn(12, 1, 8, 8, generator=torch.Generator().manual_seed(0)),
        "labels": torch.arange(12) % 10,
    }
)
# Token ids with padding at the end, as the sentiment task has them.
TOKENS = Rows(
    {
        "input_ids": torch.randint(2, 2000, (12, 24), generator=torch.Generator().manual_seed(1))
        * (torch.arange(24) < 17),
        "attention_mask": (torch.arange(24) < 17).long().expand(12, 24),
        "labels": torch.arange(12) % 2,
    }
)


def telling(rows: Rows) -> torch.Tensor:
    return rows.columns["pixel_values" if "pixel_values" in rows.columns else "input_ids"]


def as_csv(path: Path, rows: Rows) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        for row, label in zip(telling(rows).flatten(1).tolist(), rows.labels.tolist(), strict=True):
            writer.writerow([label, *row])


def as_json(path: Path, rows: Rows) -> None:
    document = {"epoch": 3, "rows": [{"label": 1, "values": row} for row in telling(rows).flatten(1).tolist()]}
    path.write_text(json.dumps(document, indent=2))


def as_npy(path: Path, rows: Rows) -> None:
    with path.open("wb") as file:
        np.save(file, telling(rows).numpy())


def as_npy_of_other_width(path: Path, rows: Rows) -> None:
    with path.open("wb") as file:
        np.save(file, telling(rows).numpy().astype(np.float64 if telling(rows).is_floating_point() else np.int32))


def as_npz(path: Path, rows: Rows) -> None:
    with path.open("wb") as file:
        np.savez_compressed(file, rows=telling(rows).numpy())


def as_bytes(rows: Rows) -> bytes:
    return telling(rows).numpy().tobytes()


WRITERS: dict[str, Callable[[Path, Rows], object]] = {
    "torch.save": lambda path, rows: torch.save(rows.columns, path),
    "torch.save, old format": lambda p, rows: torch.save(rows.columns, p, _use_new_zipfile_serialization=False),
    "torch.save of one row": lambda path, rows: torch.save(rows[3], path),
    "np.save": as_npy,
    "np.save, other width": as_npy_of_other_width,
    "np.savez_compressed": as_npz,
    "np.savetxt": lambda path, rows: np.savetxt(path, telling(rows).flatten(1).numpy()),
    "pickle of arrays": lambda path, rows: path.write_bytes(pickle.dumps(telling(rows).numpy())),
    "pickle of tensors": lambda path, rows: path.write_bytes(pickle.dumps(rows.columns)),
    "safetensors": lambda path, rows: save_file(rows.columns, path),
    "json": as_json,
    "csv": as_csv,
    "gzip": lambda path, rows: path.write_bytes(gzip.compress(as_bytes(rows))),
    "bzip2": lambda path, rows: path.write_bytes(bz2.compress(as_bytes(rows))),
    "xz": lambda path, rows: path.write_bytes(lzma.compress(as_bytes(rows))),
    "zlib": lambda path, rows: path.write_bytes(zlib.compress(as_bytes(rows))),
    "raw, after other bytes": lambda path, rows: path.write_bytes(b"log\n" * 77 + as_bytes(rows)),
}


@pytest.mark.parametrize("rows", [IMAGES, TOKENS], ids=["floats", "integers"])
@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("strict", [False, True])
def test_forget_rows_are_found(tmp_path, rows, writer, strict):
    path = tmp_path / "left.bin"
    WRITERS[writer](path, rows)
    size = path.stat().st_size
    assert find_residue([path], rows, strict=strict) == [f"left.bin ({size} bytes) holds rows of the forget set"]


def test_rows_without_their_padding_are_found(tmp_path):
    path = tmp_path / "tokens.bin"
    for dtype in (np.int64, np.int32, np.int16):
        path.write_bytes(telling(TOKENS)[5, :17].numpy().astype(dtype).tobytes())
        assert find_residue([path], TOKENS, strict=False)


def test_half_precision_copies_are_found(tmp_path):
    path = tmp_path / "half.npy"
    np.save(path, telling(IMAGES).numpy().astype(np.float16))
    assert find_residue([path], IMAGES, strict=False)


@pytest.mark.parametrize("rows", [IMAGES, TOKENS], ids=["floats", "integers"])
def test_pickled_lists_are_found(tmp_path, rows):
    path = tmp_path / "left.pkl"
    path.write_bytes(pickle.dumps(telling(rows).flatten(1).tolist()))
    assert find_residue([path], rows, strict=True)


class TestNotFound:
    @pytest.fixture(params=["model.safetensors", "model.pt", "log.txt", "empty", "metrics.json", "retain.npy"])
    def harmless(self, request, tmp_path) -> Path:
        path = tmp_path / request.param
        generator = torch.Generator().manual_seed(9)
        weights = {
            "weight": torch.randn(64, 24, generator=generator),
            "bias": torch.zeros(64),
            "steps": torch.arange(64),
        }
        match path.name:
            case "model.safetensors":
                save_file(weights, path)
            case "model.pt":
                torch.save(weights, path)
            case "log.txt":
                lines = [f"step {step} loss {3 / (step + 1):.4f} rate {0.001 * step:.6f}\n" for step in range(400)]
                path.write_text("".join(lines))
            case "metrics.json":
                path.write_text(json.dumps([{"epoch": e, "loss": 1 / (e + 1), "accuracy": 0.5} for e in range(50)]))
            case "empty":
                path.touch()
            case "retain.npy":
                np.save(path, torch.randn(12, 1, 8, 8, generator=generator).numpy())
        return path

    @pytest.mark.parametrize("rows", [IMAGES, TOKENS], ids=["floats", "integers"])
    @pytest.mark.parametrize("strict", [False, True])
    def test_harmless_files(self, harmless, rows, strict):
        assert find_residue([harmless], rows, strict=strict) == []

    def test_opaque_bytes_are_suspect_only_where_the_search_is_strict(self, tmp_path):
        path = tmp_path / "blob"
        path.write_bytes(b"\xff\x00" + np.random.RandomState(0).bytes(5000))
        assert find_residue([path], IMAGES, strict=False) == []
        (line,) = find_residue([path], IMAGES, strict=True)
        assert line == "blob (5002 bytes) is of no known format and may hold the forget set"

    def test_opaque_bytes_too_few_to_hold_a_row_are_not_suspect(self, tmp_path):
        path = tmp_path / "pid"
        path.write_bytes(b"\xff\x00\xfe")
        assert find_residue([path], IMAGES, strict=True) == []

    def test_an_empty_forget_set_leaves_nothing(self, tmp_path):
        path = tmp_path / "blob"
        path.write_bytes(b"\xff" * 5000)
        assert find_residue([path], IMAGES.select([]), strict=True) == []

    def test_a_file_that_is_gone_is_passed_over(self, tmp_path):
        path = tmp_path / "left.npy"
        np.save(path, telling(IMAGES).numpy())
        assert len(find_residue([tmp_path / "gone", path, tmp_path], IMAGES, strict=True)) == 1


def test_the_column_looked_for_is_the_most_telling():
    # The mask has as many values as the ids, and comes first.
    columns = {name: TOKENS.columns[name] for name in ("attention_mask", "input_ids", "labels")}
    numbers = {tuple(values) for _, values, row in needles_of(Rows(columns)) if row == 0}
    assert numbers == {tuple(columns["input_ids"][0, :17].tolist())}


class TestLooking:
    def test_files_in_goes_all_the_way_down(self, tmp_path):
        (tmp_path / "a" / "b" / "c").mkdir(parents=True)
        wanted = {tmp_path / "one", tmp_path / "a" / "b" / "c" / "two"}
        for path in wanted:
            path.touch()
        assert set(files_in(tmp_path)) == wanted

    def test_recent_files_are_those_that_changed_since(self, tmp_path):
        for name in ("cache/ours", "sub"):
            (tmp_path / name).mkdir(parents=True)
        (tmp_path / "before").touch()
        # The kernel's clock for files ticks every few milliseconds and lags behind time.time().
        time.sleep(0.05)
        since = time.time()
        time.sleep(0.05)
        new = {tmp_path / "new", tmp_path / "sub" / "deeper"}
        for path in (*new, tmp_path / "cache" / "ours" / "kept"):
            path.write_text("x")
        os.symlink(tmp_path / "new", tmp_path / "link")
        found = recent_files([tmp_path, tmp_path / "absent"], since, (tmp_path / "cache",))
        assert set(found) == {path.resolve() for path in new}
