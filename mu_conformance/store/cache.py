"""Find artefacts in the packs, then in the cache, or build them under a lock.

An artefact is a set of tensors and a small JSON record. Its address is the SHA-256 of the description of how it is
made. Files are safetensors with the description and a digest of the content in the header. Nothing is unpickled.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock
from safetensors import safe_open
from safetensors.torch import save_file

from mu_conformance.store.artefact import FORMAT, Artefact, artefact_key
from mu_conformance.store.pack import Pack
from mu_conformance.store.seal import Seal

__all__ = ["DamagedArtefact", "Store", "StoreError", "default_cache"]


class StoreError(OSError):
    """Raised when the cache directory cannot be used; the message names it and says what to do."""


class DamagedArtefact(UserWarning):
    """Warns that a stored artefact did not match its digest and was built again."""


def default_cache() -> Path:
    """Return the user's cache directory for this package."""
    import platformdirs

    return Path(platformdirs.user_cache_dir("mu-conformance"))


def _warn(message: str, category: type[Warning]) -> None:
    """Warn, and go on where warnings are errors: what follows recovers from what the warning tells."""
    try:
        warnings.warn(message, category, stacklevel=3)
    except Warning:
        print(f"mu-conformance: {message}", file=sys.stderr)


class Store:
    """Finds an artefact by its description, and builds it at most once across processes.

    A damaged artefact is built again, with a ``DamagedArtefact`` warning. A full or read-only cache causes a warning
    and does not stop the run.

    Args:
        cache: folder of the cache.
        packs: packs to read before the cache. The caller leaves them out where the user chose the suite's seed.
    """

    def __init__(self, cache: Path, packs: Iterable[Path] = ()) -> None:
        self.cache = cache
        self._seal = Seal(cache)
        self.packs = []
        for path in packs:
            try:
                self.packs.append(Pack(path))
            except Exception as error:
                _warn(
                    f"pack {path} is damaged ({error}); building it again where it is needed",
                    DamagedArtefact,
                )
        self.used: dict[str, Artefact] = {}
        """Every artefact read or built so far, by key."""
        self.asked: dict[str, Artefact] = {}
        """Artefacts asked for from outside, by key; those that only went into another are not among them.

        The cache's content does not matter.
        """
        self.built = 0
        """Number of artefacts built so far."""
        self._depth = 0
        self._stores = True

    def open(self) -> None:
        """Make the cache directory.

        Raises ``StoreError`` if it is a file; warns if it cannot be written.
        """
        if self.cache.exists() and not self.cache.is_dir():
            raise StoreError(f"the cache directory {self.cache} is a file; name another with --mu-cache")
        try:
            self.cache.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.cache):
                pass
        except OSError as error:
            self._give_up(error)

    def path(self, key: str) -> Path:
        """Return the file of an artefact in the cache."""
        return self.cache / f"v{FORMAT}" / key[:2] / f"{key}.safetensors"

    def get(
        self, description: Mapping[str, Any], build: Callable[[], tuple[dict[str, torch.Tensor], dict[str, Any]]]
    ) -> Artefact:
        """Return the artefact that ``description`` describes; ``build`` returns its tensors and record."""
        key = artefact_key(description)
        if key not in self.used:
            self._depth += 1
            try:
                self.used[key] = self._find(key) or self._build(key, description, build)
            finally:
                self._depth -= 1
        if not self._depth:
            self.asked[key] = self.used[key]
        return self.used[key]

    def _find(self, key: str) -> Artefact | None:
        for pack in self.packs:
            try:
                found = pack.load(key)
            except Exception as error:
                _warn(f"packaged artefact {key} is damaged ({error}); building it again", DamagedArtefact)
                continue
            if found is not None:
                return found
        return self._read(key)

    def has(self, description: Mapping[str, Any]) -> bool:
        """Return whether the artefact can be had without building, its digest aside."""
        key = artefact_key(description)
        return key in self.used or any(key in pack.records for pack in self.packs) or self.path(key).exists()

    def _read(self, key: str) -> Artefact | None:
        path = self.path(key)
        if not path.exists():
            return None
        try:
            with safe_open(path, framework="pt") as file:
                metadata = file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            info = json.loads(metadata["info"])
            artefact = Artefact(key, tensors, info)
            if artefact.digest != metadata["digest"]:
                raise ValueError("content does not match its digest")
            if not self._seal.fits(metadata.get("seal", ""), key, artefact.digest):
                raise ValueError("it was not sealed with this cache's key")
        except Exception as error:
            _warn(f"artefact {path} is damaged ({error}); building it again", DamagedArtefact)
            with contextlib.suppress(OSError):
                path.unlink()
            return None
        return artefact

    def _build(self, key: str, description: Mapping[str, Any], build: Callable[[], Any]) -> Artefact:
        with self._lock(key):
            # Another process may have built the artefact while this one waited for the lock.
            found = self._read(key)
            if found is not None:
                return found
            tensors, info = build()
            self.built += 1
            artefact = Artefact(key, tensors, info)
            self._write(artefact, description)
            return artefact

    @contextlib.contextmanager
    def _lock(self, key: str) -> Iterator[None]:
        path = self.path(key)
        lock = None
        if self._stores:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                lock = FileLock(path.with_suffix(".lock"))
                lock.acquire()
            except OSError as error:
                lock = None
                self._give_up(error)
        try:
            yield
        finally:
            if lock is not None:
                lock.release()

    def _write(self, artefact: Artefact, description: Mapping[str, Any]) -> None:
        if not self._stores:
            return
        path = self.path(artefact.key)
        metadata = {
            "description": json.dumps(description, sort_keys=True),
            "info": json.dumps(artefact.info, sort_keys=True),
            "digest": artefact.digest,
            "seal": self._seal.of(artefact.key, artefact.digest),
        }
        # Written beside its place and renamed when whole, because readers take no lock.
        partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
        try:
            save_file({name: t.contiguous().clone() for name, t in artefact.tensors.items()}, partial, metadata)
            os.replace(partial, path)
        except Exception as error:
            with contextlib.suppress(OSError):
                partial.unlink()
            self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        stored, self._stores = self._stores, False
        if stored:
            _warn(
                f"the cache directory {self.cache} cannot be written ({error}); artefacts of this run are not kept. "
                "Name another with --mu-cache",
                UserWarning,
            )

    def digest(self) -> str:
        """Return the SHA-256 over every artefact used so far, for the scorecard."""
        sha = hashlib.sha256()
        for key, artefact in sorted(self.asked.items()):
            sha.update(f"{key}:{artefact.digest};".encode())
        return sha.hexdigest()
