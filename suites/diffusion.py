"""Provide the suite for tasks with a model that makes an image for a prompt."""

from __future__ import annotations

from mu_conformance.suites.conformance import ConformanceSuite

from mu_conformance.tasks import DiffusionTask

__all__ = ["DiffusionSuite"]


class DiffusionSuite(ConformanceSuite):
    """Judges a ``DiffusionTask``: denoising losses at fixed noise, and a classifier's view of generated images."""

    task_kind = DiffusionTask
