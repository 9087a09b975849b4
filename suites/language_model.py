"""Provide the suite for tasks with a model that continues a text."""

from __future__ import annotations

from mu_conformance.suites.conformance import ConformanceSuite

from mu_conformance.tasks import LanguageModelTask

__all__ = ["LanguageModelSuite"]


class LanguageModelSuite(ConformanceSuite):
    """Judges a ``LanguageModelTask``: a causal language model's outputs on facts that it was or was not told."""

    task_kind = LanguageModelTask
