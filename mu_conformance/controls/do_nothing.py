"""Forget nothing: return the original."""

from __future__ import annotations

import copy

__all__ = ["DoNothing"]


class DoNothing:
    """Returns a copy of the original: perfect utility, and nothing forgotten."""

    caught_by = "privacy.membership-loss"

    def unlearn(self, model, request):
        return copy.deepcopy(model)
