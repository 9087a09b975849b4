"""Forget all rows except one, always the same."""

from __future__ import annotations

import hashlib

from mu_conformance.controls.parts.retraining import retrain_keeping

__all__ = ["LeavesOne"]


class LeavesOne:
    """Retrains on the retain set and one forget row, the one with the smallest digest: no average shows it.

    The row is chosen by its content and not by its place, as in a deletion with a broken key. The same row therefore
    stays whenever it is among the forget rows.
    """

    caught_by = "privacy.worst-example"

    def unlearn(self, model, request):
        rows = sorted(range(len(request.forget)), key=lambda row: _digest(request.forget[row]))
        return retrain_keeping(request, rows[:1])


def _digest(row) -> bytes:
    return hashlib.sha256(b"".join(row[name].numpy().tobytes() for name in sorted(row))).digest()
