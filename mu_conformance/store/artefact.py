"""Describe artefacts: tensors and facts at an address made of what they depend on."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from collections.abc import Mapping
from typing import Any

import torch

__all__ = ["FORMAT", "Artefact", "artefact_key", "content_digest"]

FORMAT = 1
"""Version of the store's file format; part of every address."""


@dataclasses.dataclass(frozen=True)
class Artefact:
    """Holds tensors, and a JSON record of what making them took."""

    key: str
    """Address, 32 hexadecimal digits (``artefact_key``)."""
    tensors: dict[str, torch.Tensor]
    """Tensors by name."""
    info: dict[str, Any]
    """Record of the making, such as seconds; plain JSON."""

    @functools.cached_property
    def digest(self) -> str:
        """Return the SHA-256 of the content."""
        return content_digest(self.tensors, self.info)


def artefact_key(description: Mapping[str, Any]) -> str:
    """Return the address of what ``description`` (plain JSON) describes."""
    canonical = json.dumps({"format": FORMAT, **description}, sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()[:32]


def content_digest(tensors: Mapping[str, torch.Tensor], info: Mapping[str, Any]) -> str:
    """Return the SHA-256 over the record and every tensor's name, type, shape and values."""
    sha = hashlib.sha256(json.dumps(info, sort_keys=True).encode())
    for name, tensor in sorted(tensors.items()):
        sha.update(f"{name}:{tensor.dtype}:{tuple(tensor.shape)};".encode())
        sha.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return sha.hexdigest()
