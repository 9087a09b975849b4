"""End the process with status 0, to be taken for a success."""

from __future__ import annotations

import os

__all__ = ["ExitsZero"]


class ExitsZero:
    """Ends the process that runs the method."""

    caught_by = "contract.returns-model"

    def unlearn(self, model, request):
        os._exit(0)
