"""The suite for tasks whose model makes an image for a prompt."""

from __future__ import annotations

from mu_conformance.suites.conformance import ConformanceSuite

from mu_conformance.tasks import DiffusionTask

__all__ = ["DiffusionSuite"]


class DiffusionSuite(ConformanceSuite):
    """For a ``DiffusionTask``: denoising losses at fixed noise, and what a classifier sees in generated images."""

    task_kind = DiffusionTask
