"""Raise pytest's skip, in the hope that a skipped test does not count."""

from __future__ import annotations

__all__ = ["SkipsTheTest"]


class SkipsTheTest:
    """Skips the test that judges it."""

    caught_by = "contract.returns-model"

    def unlearn(self, model, request):
        import importlib

        importlib.import_module("pytest").skip("nothing to see here")
