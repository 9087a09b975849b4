"""The suite for tasks whose model writes a text for an input."""

from __future__ import annotations

from mu_conformance.suites.conformance import ConformanceSuite

from mu_conformance.tasks import GenerationTask

__all__ = ["GenerationSuite"]


class GenerationSuite(ConformanceSuite):
    """For a ``GenerationTask``: ROUGE-L of what an encoder-decoder writes."""

    task_kind = GenerationTask
