"""Provide the suite for tasks with a model that writes a text for an input."""

from __future__ import annotations

from mu_conformance.suites.conformance import ConformanceSuite

from mu_conformance.tasks import GenerationTask

__all__ = ["GenerationSuite"]


class GenerationSuite(ConformanceSuite):
    """Judges a ``GenerationTask``: ROUGE-L of texts written by an encoder-decoder."""

    task_kind = GenerationTask
