"""Forgets all rows but one, always the same."""

from __future__ import annotations

import hashlib

from mu_conformance.controls.parts.retraining import retrain_keeping

__all__ = ["LeavesOne"]


class LeavesOne:
    """Retrains on the retain set and one forget row, that of the smallest digest: no average shows it.

    What is left goes by the row and not by its place, as with a deletion whose key is broken, so that the same row
    stays whenever it is among those that are to be forgotten.
    """

    caught_by = "privacy.worst-example"

    def unlearn(self, model, request):
        rows = sorted(range(len(request.forget)), key=lambda row: _digest(request.forget[row]))
        return retrain_keeping(request, rows[:1])


def _digest(row) -> bytes:
    return hashlib.sha256(b"".join(row[name].numpy().tobytes() for name in sorted(row))).digest()
