"""Derive seeds by name, so that no two uses share a stream, and apply them without leaking into global state."""

from __future__ import annotations

import contextlib
import hashlib
import random
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

__all__ = ["derive_seed", "seeded"]


def derive_seed(*parts: object) -> int:
    """Return a 31-bit seed that is a function of the parts alone, and so the same on every machine."""
    digest = hashlib.sha256("\x1f".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:4], "big") & 0x7FFFFFFF


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[torch.Generator]:
    """Seed Python's, NumPy's and torch's global generators inside the block, and restore them after it.

    Yields a ``torch.Generator`` with the same seed.
    """
    import torch

    python_state, numpy_state = random.getstate(), np.random.get_state()
    with torch.random.fork_rng():
        random.seed(seed)
        np.random.seed(seed % 2**32)
        torch.manual_seed(seed)
        try:
            yield torch.Generator().manual_seed(seed)
        finally:
            random.setstate(python_state)
            np.random.set_state(numpy_state)
