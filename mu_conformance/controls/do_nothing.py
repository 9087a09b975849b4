"""Forgets nothing and hands the original back."""

from __future__ import annotations

import copy

__all__ = ["DoNothing"]


class DoNothing:
    """A copy of the original: perfect utility, everything remembered."""

    caught_by = "privacy.membership-loss"

    def unlearn(self, model, request):
        return copy.deepcopy(model)
