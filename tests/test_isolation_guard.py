"""Which files count as the suite's own, and when they have changed."""

from __future__ import annotations

import os
import threading

import pytest
import torch
from safetensors.torch import save_file

from mu_conformance.isolation.guard import Guard


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "v1").mkdir()
    for name in ("one.safetensors", "two.safetensors"):
        save_file({"weight": torch.zeros(2)}, tmp_path / "v1" / name)
    return tmp_path


def test_a_file_that_is_changed_replaced_or_gone_is_named(folder):
    changes = {
        "changed": lambda path: path.write_bytes(path.read_bytes() + b" "),
        "touched": lambda path: os.utime(path, ns=(1, 1)),
        "replaced": lambda path: save_file({"weight": torch.ones(2)}, path),
        "gone": lambda path: path.unlink(),
    }
    for change in changes.values():
        guard = Guard([str(folder)])
        change(folder / "v1" / "one.safetensors")
        assert guard.changed() == [str(folder / "v1" / "one.safetensors")]
        save_file({"weight": torch.zeros(2)}, folder / "v1" / "one.safetensors")


def test_nothing_changed(folder):
    guard = Guard([str(folder)])
    assert guard.changed() == []


# a second worker stores what it trained while a method runs in the first
@pytest.mark.parametrize("name", ["three.safetensors.lock", "three.safetensors.12.partial", ".tmpddbHeW", "three.pyc"])
def test_what_another_worker_was_writing_and_has_renamed_does_not_count(folder, name):
    unfinished = folder / "v1" / name
    unfinished.write_bytes(b"half")
    guard = Guard([str(folder)])
    unfinished.rename(folder / "v1" / "three.safetensors")
    assert guard.changed() == []


def test_the_names_of_unfinished_files_are_those_that_safetensors_gives(folder):
    """Watched while large files are written, until one is seen unfinished."""
    whole = {"one.safetensors", "two.safetensors", "three.safetensors"}
    seen, done = set(), threading.Event()

    def watch():
        while not done.is_set():
            seen.update(set(os.listdir(folder / "v1")) - whole)

    watcher = threading.Thread(target=watch)
    watcher.start()
    for number in range(300):
        save_file({"weight": torch.zeros(2_000_000)}, folder / "v1" / "three.safetensors", {"n": str(number)})
        if seen:
            break
    done.set()
    watcher.join()
    assert seen
    assert all(name.startswith(".tmp") for name in seen)
