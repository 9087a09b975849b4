"""Read and write packs: the store's read-only layer, one file that ships with a task."""

from __future__ import annotations

import importlib.resources
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from safetensors import safe_open
from safetensors.torch import save_file

from mu_conformance.store.artefact import Artefact

__all__ = ["Pack", "packaged_packs", "write_pack"]


def packaged_packs() -> list[Path]:
    """Return the reference packs that ship with the embedded tasks."""
    root = importlib.resources.files("mu_conformance.fixtures")
    return [Path(str(pack)) for task in root.iterdir() if (pack := task.joinpath("pack.safetensors")).is_file()]


class Pack:
    """Reads one safetensors file of many artefacts, whose tensors are named ``key/name``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
        self.records: dict[str, dict[str, Any]] = json.loads(metadata.get("artefacts", "{}"))
        """Tensor names, record and digest of each artefact, by key."""
        self.command = metadata.get("command", "")
        """Command line that makes this pack again."""

    def load(self, key: str) -> Artefact | None:
        """Return the artefact at ``key``, None if absent.

        Raises ``ValueError`` if it does not match its digest.
        """
        record = self.records.get(key)
        if record is None:
            return None
        with safe_open(self.path, framework="pt") as file:
            tensors = {name: file.get_tensor(f"{key}/{name}") for name in record["tensors"]}
        artefact = Artefact(key, tensors, record["info"])
        if artefact.digest != record["digest"]:
            raise ValueError("content does not match its digest")
        return artefact


def write_pack(path: Path, artefacts: Iterable[Artefact], command: str) -> None:
    """Write a pack; ``command`` is recorded as the way to make it again."""
    tensors, records = {}, {}
    for artefact in sorted(artefacts, key=lambda a: a.key):
        tensors.update({f"{artefact.key}/{name}": t.contiguous().clone() for name, t in artefact.tensors.items()})
        records[artefact.key] = {
            "tensors": sorted(artefact.tensors),
            "info": artefact.info,
            "digest": artefact.digest,
        }
    save_file(tensors, path, {"artefacts": json.dumps(records, sort_keys=True), "command": command})
