"""The store: built once, checked on every read, shared by processes, never a pickle."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from mu_conformance.store.artefact import Artefact, artefact_key, content_digest
from mu_conformance.store.cache import DamagedArtefact, Store, StoreError, default_cache
from mu_conformance.store.pack import Pack, write_pack
from mu_conformance.store.seal import Seal

quick = settings(deadline=None, max_examples=60, database=None)
DESCRIPTION = {"what": "a table", "seed": 1}


class Builder:
    """A real build function that counts its calls."""

    def __init__(self, value: float = 1.0) -> None:
        self.value, self.calls = value, 0

    def __call__(self):
        self.calls += 1
        tensors = {"w": torch.full((3, 2), self.value), "labels": torch.tensor([0, 1, 2]), "scalar": torch.tensor(True)}
        return tensors, {"seconds": 0.5, "steps": [1, 2]}


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def stored(cache: Path) -> Path:
    """The file of one artefact that a first store has built."""
    store = Store(cache)
    store.get(DESCRIPTION, Builder())
    return store.path(artefact_key(DESCRIPTION))


def assert_same(one: Artefact, other: Artefact) -> None:
    assert one.key == other.key
    assert one.info == other.info
    assert one.tensors.keys() == other.tensors.keys()
    for name, tensor in one.tensors.items():
        assert tensor.dtype == other.tensors[name].dtype
        assert torch.equal(tensor, other.tensors[name])


class TestGet:
    def test_it_builds_once(self, cache):
        store, build = Store(cache), Builder()
        first, second = store.get(DESCRIPTION, build), store.get(dict(reversed(DESCRIPTION.items())), build)
        assert build.calls == store.built == 1
        assert first is second
        assert first.tensors["w"].tolist() == [[1.0, 1.0]] * 3

    def test_a_second_store_reads_instead_of_building(self, cache):
        made = Store(cache).get(DESCRIPTION, Builder())
        second, build = Store(cache), Builder(2.0)
        assert second.has(DESCRIPTION)
        assert_same(second.get(DESCRIPTION, build), made)
        assert build.calls == second.built == 0

    def test_another_description_is_another_artefact(self, cache):
        store = Store(cache)
        one, other = store.get({"seed": 1}, Builder(1.0)), store.get({"seed": 2}, Builder(2.0))
        assert one.key != other.key
        assert other.tensors["w"][0, 0] == 2.0
        assert store.built == 2

    def test_what_was_not_built_is_not_there(self, cache):
        assert not Store(cache).has(DESCRIPTION)

    def test_no_pickle_is_written(self, stored, cache):
        files = [path for path in cache.rglob("*") if path.is_file() and path.name != "key"]
        assert stored in files
        assert {path.suffix for path in files} <= {".safetensors", ".lock"}
        for path in files:
            # pickle's opcode PROTO, and the zip archive that torch.save writes
            assert not path.read_bytes().startswith((b"\x80", b"PK"))

    def test_the_file_says_how_it_was_made(self, stored):
        header_length = int.from_bytes(stored.read_bytes()[:8], "little")
        metadata = json.loads(stored.read_bytes()[8 : 8 + header_length])["__metadata__"]
        assert json.loads(metadata["description"]) == DESCRIPTION

    def test_a_build_that_raises_stores_nothing(self, cache):
        def fail():
            raise RuntimeError("out of luck")

        store = Store(cache)
        with pytest.raises(RuntimeError, match="out of luck"):
            store.get(DESCRIPTION, fail)
        assert not store.has(DESCRIPTION)
        # and the lock is free again
        assert store.get(DESCRIPTION, Builder()).tensors["w"][0, 0] == 1.0

    def test_tensors_that_are_views_are_stored(self, cache):
        base = torch.arange(12.0).reshape(3, 4)
        Store(cache).get(DESCRIPTION, lambda: ({"t": base.T, "row": base[1]}, {}))
        read = Store(cache).get(DESCRIPTION, Builder())
        assert torch.equal(read.tensors["t"], base.T)
        assert torch.equal(read.tensors["row"], base[1])

    def test_tied_tensors_are_stored(self, cache):
        tied = torch.ones(2)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            Store(cache).get(DESCRIPTION, lambda: ({"a": tied, "b": tied}, {}))
        assert Store(cache).has(DESCRIPTION)


class TestDamage:
    @pytest.mark.parametrize("where", [-1, -9, "info"])
    def test_one_changed_byte_is_noticed_and_mended(self, stored, cache, where):
        content = bytearray(stored.read_bytes())
        at = content.index(b"seconds") if where == "info" else where
        content[at] ^= 1
        stored.write_bytes(content)
        store, build = Store(cache), Builder()
        with pytest.warns(DamagedArtefact, match=r"is damaged .*building it again"):
            found = store.get(DESCRIPTION, build)
        assert build.calls == 1
        assert found.info == {"seconds": 0.5, "steps": [1, 2]}
        third = Store(cache)
        assert_same(third.get(DESCRIPTION, build), found)
        assert build.calls == 1

    @pytest.mark.parametrize("left", [0, 4, 100, -1])
    def test_a_truncated_file_is_noticed_and_mended(self, stored, cache, left):
        stored.write_bytes(stored.read_bytes()[:left])
        build = Builder()
        with pytest.warns(DamagedArtefact, match="building it again"):
            found = Store(cache).get(DESCRIPTION, build)
        assert build.calls == 1
        assert_same(Store(cache).get(DESCRIPTION, build), found)

    def test_a_file_of_another_origin_is_noticed(self, stored, cache):
        save_file({"w": torch.zeros(3, 2)}, stored)
        with pytest.warns(DamagedArtefact, match="building it again"):
            found = Store(cache).get(DESCRIPTION, Builder())
        assert found.tensors["w"][0, 0] == 1.0

    def test_a_pickle_in_its_place_is_not_loaded(self, stored, cache, tmp_path):
        class Trap:
            def __reduce__(self):
                return Path.touch, (tmp_path / "sprung",)

        torch.save({"w": Trap()}, stored)
        with pytest.warns(DamagedArtefact, match="building it again"):
            Store(cache).get(DESCRIPTION, Builder())
        assert not (tmp_path / "sprung").exists()

    @pytest.mark.parametrize(
        "change",
        [
            lambda t, i: ({**t, "w": t["w"] + 1}, i),
            lambda t, i: ({**t, "w": t["w"].double()}, i),
            lambda t, i: ({**t, "w": t["w"].T}, i),
            lambda t, i: ({("v" if name == "w" else name): value for name, value in t.items()}, i),
            lambda t, i: ({name: value for name, value in t.items() if name != "labels"}, i),
            lambda t, i: (t, {**i, "seconds": 0.6}),
        ],
        ids=["value", "dtype", "shape", "name", "missing", "info"],
    )
    def test_the_digest_sees_every_kind_of_change(self, change):
        tensors, info = Builder()()
        assert content_digest(*change(tensors, info)) != content_digest(tensors, info)
        assert content_digest(dict(reversed(tensors.items())), dict(info)) == content_digest(tensors, info)


class TestPack:
    @pytest.fixture
    def pack(self, tmp_path) -> Path:
        path = tmp_path / "pack.safetensors"
        other = Artefact(artefact_key({"seed": 9}), {"w": torch.zeros(1)}, {})
        write_pack(path, [Artefact(artefact_key(DESCRIPTION), *Builder(5.0)()), other], "make pack")
        return path

    def test_it_is_the_first_layer(self, pack, cache):
        # The cache holds the same address with other values: the pack must win.
        Store(cache).get(DESCRIPTION, Builder(1.0))
        store, build = Store(cache, [pack]), Builder()
        assert store.has(DESCRIPTION)
        found = store.get(DESCRIPTION, build)
        assert found.tensors["w"][0, 0] == 5.0
        assert found.info == {"seconds": 0.5, "steps": [1, 2]}
        assert build.calls == 0

    def test_what_it_lacks_comes_from_the_cache(self, pack, cache):
        store, build = Store(cache, [pack]), Builder(7.0)
        assert not store.has({"seed": 3})
        assert store.get({"seed": 3}, build).tensors["w"][0, 0] == 7.0
        assert build.calls == 1

    def test_reading_it_writes_nothing(self, pack, cache):
        Store(cache, [pack]).get(DESCRIPTION, Builder())
        assert not cache.exists()

    def test_it_names_the_command_that_makes_it(self, pack):
        assert Pack(pack).command == "make pack"
        assert set(Pack(pack).records) == {artefact_key(DESCRIPTION), artefact_key({"seed": 9})}

    def test_the_order_of_artefacts_does_not_matter(self, pack, tmp_path):
        # The bytes of the file do differ: safetensors writes the keys of its metadata in an order of its own.
        again = tmp_path / "again.safetensors"
        loaded = Pack(pack)
        write_pack(again, reversed([loaded.load(key) for key in loaded.records]), "make pack")
        assert Pack(again).records == loaded.records
        assert again.stat().st_size == pack.stat().st_size
        for key in loaded.records:
            assert_same(Pack(again).load(key), loaded.load(key))

    def test_a_damaged_artefact_in_it_is_built_again(self, pack, cache):
        # 5.0 in float32 is 00 00 a0 40; the first occurrence of three in a row lies in the tensor data.
        content = bytearray(pack.read_bytes())
        content[content.index(b"\x00\x00\xa0\x40" * 3)] ^= 1
        pack.write_bytes(content)
        store, build = Store(cache, [pack]), Builder(1.0)
        with pytest.warns(DamagedArtefact, match=r"packaged artefact \w+ is damaged .*digest.*building it again"):
            found = store.get(DESCRIPTION, build)
        assert build.calls == 1
        assert found.tensors["w"][0, 0] == 1.0
        # What is whole is still read from it.
        assert store.get({"seed": 9}, build).tensors["w"].tolist() == [0.0]
        assert build.calls == 1

    def test_a_truncated_pack_is_built_again(self, pack, cache):
        pack.write_bytes(pack.read_bytes()[:100])
        with pytest.warns(DamagedArtefact, match="building it again"):
            found = Store(cache, [pack]).get(DESCRIPTION, Builder(1.0))
        assert found.tensors["w"][0, 0] == 1.0


CHILD = """
import sys, time, torch
from pathlib import Path
from mu_conformance.store.cache import Store

folder, role = Path(sys.argv[1]), sys.argv[2]

def wait(name):
    while not (folder / name).exists():
        time.sleep(0.01)

def build():
    with open(folder / "builds", "a") as log:
        log.write(role + "\\n")
    (folder / "building").touch()
    if role == "doomed":
        time.sleep(600)
    wait("second is there")
    time.sleep(0.5)
    return {"w": torch.ones(2)}, {"by": role}

if role == "second":
    wait("building")
    (folder / "second is there").touch()
print(Store(folder / "cache").get({"shared": True}, build).info["by"])
"""


def start(folder: Path, role: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", CHILD, str(folder), role], stdout=subprocess.PIPE, text=True
    )


class TestProcesses:
    def test_two_processes_at_once_build_once(self, tmp_path):
        # The second asks while the first is provably inside its build; without the lock it would build as well.
        processes = [start(tmp_path, role) for role in ("first", "second")]
        outputs = [process.communicate(timeout=120)[0].strip() for process in processes]
        assert [process.returncode for process in processes] == [0, 0]
        assert outputs == ["first", "first"]
        assert (tmp_path / "builds").read_text().split() == ["first"]

    def test_a_killed_build_leaves_neither_a_lock_nor_half_a_file(self, tmp_path):
        process = start(tmp_path, "doomed")
        try:
            while not (tmp_path / "building").exists():
                assert process.poll() is None
                time.sleep(0.02)
            os.kill(process.pid, signal.SIGKILL)
        finally:
            process.kill()
            process.communicate()
        assert process.returncode == -signal.SIGKILL
        store = Store(tmp_path / "cache")
        assert not store.has({"shared": True})
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = store.get({"shared": True}, Builder())
        assert store.built == 1
        assert_same(Store(tmp_path / "cache").get({"shared": True}, Builder(2.0)), found)


class TestUnusableCache:
    def test_a_file_where_the_folder_belongs_is_refused(self, tmp_path):
        path = tmp_path / "file"
        path.write_text("not a folder")
        with pytest.raises(StoreError, match=r"the cache directory .*file is a file; name another with --mu-cache"):
            Store(path).open()
        assert path.read_text() == "not a folder"

    def test_open_makes_the_folder_and_leaves_it_empty(self, cache):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            Store(cache).open()
        assert cache.is_dir()
        assert list(cache.iterdir()) == []

    @pytest.mark.parametrize("opened", [True, False])
    def test_one_that_cannot_be_written_costs_one_warning_and_not_the_run(self, opened):
        # /dev/null is no folder, not even for root.
        store, build = Store(Path("/dev/null/cache")), Builder()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            if opened:
                store.open()
            first = store.get(DESCRIPTION, build)
            store.get({"seed": 2}, build)
            assert store.get(DESCRIPTION, build) is first
        assert [str(w.message) for w in caught if "cannot be written" in str(w.message)] == [str(caught[0].message)]
        assert "--mu-cache" in str(caught[0].message)
        assert first.tensors["w"][0, 0] == 1.0
        assert build.calls == store.built == 2

    def test_the_default_is_in_the_users_cache(self, monkeypatch, tmp_path):
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        monkeypatch.setenv("HOME", str(tmp_path))
        assert default_cache().is_relative_to(tmp_path)
        assert default_cache().name == "mu-conformance"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text("ab", max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=2), inner, max_size=3),
    max_leaves=6,
)
descriptions = st.dictionaries(st.sampled_from("abc"), json_values, max_size=3)


class TestAddresses:
    @quick
    @given(descriptions, descriptions)
    def test_equal_descriptions_and_no_others_share_an_address(self, one, other):
        same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
        assert (artefact_key(one) == artefact_key(other)) is same

    def test_the_order_of_keys_does_not_matter(self):
        assert artefact_key({"a": 1, "b": {"c": 2, "d": 3}}) == artefact_key({"b": {"d": 3, "c": 2}, "a": 1})

    def test_the_stores_digest_is_of_what_was_used(self, cache):
        one, other, third = Store(cache), Store(cache), Store(cache)
        for store, seeds in ((one, (1, 2)), (other, (2, 1)), (third, (1, 3))):
            for seed in seeds:
                store.get({"seed": seed}, Builder(seed))
        assert one.digest() == other.digest()
        assert one.digest() != third.digest()
        assert Store(cache).digest() != one.digest()


class TestSeal:
    def test_what_was_planted_is_built_again(self, tmp_path):
        """A file with a right digest that the suite did not write."""
        description, planted = {"kind": "planted"}, torch.ones(2)
        other = Store(tmp_path / "other")
        other.get(description, lambda: ({"x": planted}, {}))
        key = artefact_key(description)
        ours = Store(tmp_path / "ours")
        ours.get({"kind": "any"}, lambda: ({"x": torch.zeros(1)}, {}))
        ours.path(key).parent.mkdir(parents=True, exist_ok=True)
        ours.path(key).write_bytes(other.path(key).read_bytes())
        with pytest.warns(DamagedArtefact, match="not sealed with this cache's key"):
            found = ours.get(description, lambda: ({"x": torch.zeros(2)}, {}))
        assert found.tensors["x"].tolist() == [0.0, 0.0]

    def test_the_key_is_for_its_owner_alone_and_stays(self, tmp_path):
        one = Seal(tmp_path)
        seal = one.of("key", "digest")
        assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
        assert Seal(tmp_path).fits(seal, "key", "digest")
        assert not Seal(tmp_path).fits(seal, "key", "another")

    def test_where_no_key_can_be_kept_a_process_trusts_itself_alone(self, tmp_path):
        missing = tmp_path / "missing" / "folder"
        one = Seal(missing)
        assert one.fits(one.of("key", "digest"), "key", "digest")
        assert not Seal(missing).fits(one.of("key", "digest"), "key", "digest")
