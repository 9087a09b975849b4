"""Ends its process with status 0, in the hope of being taken for success."""

from __future__ import annotations

import os

__all__ = ["ExitsZero"]


class ExitsZero:
    """Ends the process that judges it."""

    caught_by = "contract.returns-model"

    def unlearn(self, model, request):
        os._exit(0)
