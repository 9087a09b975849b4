"""Forgets everything: a fresh, untrained model."""

from __future__ import annotations

__all__ = ["Reinitialise"]


class Reinitialise:
    """The architecture before training: nothing is remembered, and nothing is of use."""

    caught_by = "utility.test-score"

    def unlearn(self, model, request):
        return request.task.new_model(request.seed).to(request.device)
