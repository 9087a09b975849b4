"""The suite for tasks whose model goes on with a text."""

from __future__ import annotations

from mu_conformance.suites.conformance import ConformanceSuite

from mu_conformance.tasks import LanguageModelTask

__all__ = ["LanguageModelSuite"]


class LanguageModelSuite(ConformanceSuite):
    """For a ``LanguageModelTask``: what a causal language model says of facts that it was or was not told."""

    task_kind = LanguageModelTask
