"""Give batches of one set to go with those of another."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

__all__ = ["endless"]


def endless(loader: Any) -> Iterator[dict[str, Any]]:
    """Iterate over the loader's batches, epoch after epoch; over nothing if the loader has none.

    One iterator serves all epochs. A loader that is restarted at every step would only ever give a first batch.
    """
    return itertools.chain.from_iterable(itertools.repeat(loader)) if len(loader) else iter(())
