"""Artefacts: tensors and facts at an address made of what they depend on."""

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


@dataclasses.dataclass(frozen=True)
class Artefact:
    """Tensors and a JSON record of what making them took."""

    key: str
    tensors: dict[str, torch.Tensor]
    info: dict[str, Any]

    @functools.cached_property
    def digest(self) -> str:
        """SHA-256 of the content."""
        return content_digest(self.tensors, self.info)


def artefact_key(description: Mapping[str, Any]) -> str:
    """The address of what ``description`` (plain JSON) describes."""
    canonical = json.dumps({"format": FORMAT, **description}, sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()[:32]


def content_digest(tensors: Mapping[str, torch.Tensor], info: Mapping[str, Any]) -> str:
    """SHA-256 over the record and every tensor's name, type, shape and values."""
    sha = hashlib.sha256(json.dumps(info, sort_keys=True).encode())
    for name, tensor in sorted(tensors.items()):
        sha.update(f"{name}:{tensor.dtype}:{tuple(tensor.shape)};".encode())
        sha.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return sha.hexdigest()
