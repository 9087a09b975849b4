"""Batches of one set beside those of another."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

__all__ = ["endless"]


def endless(loader: Any) -> Iterator[dict[str, Any]]:
    """The loader's batches, epoch after epoch; nothing if it has none.

    One iterator for all epochs: a loader that is started anew at every step only ever gives a first batch.
    """
    return itertools.chain.from_iterable(itertools.repeat(loader)) if len(loader) else iter(())
