"""Forget everything: return a fresh, untrained model."""

from __future__ import annotations

__all__ = ["Reinitialise"]


class Reinitialise:
    """Returns the architecture before training: nothing is remembered, and nothing is useful."""

    caught_by = "utility.test-score"

    def unlearn(self, model, request):
        return request.task.new_model(request.seed).to(request.device)
