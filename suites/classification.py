"""Provide the suite for tasks with a model that gives class logits."""

from __future__ import annotations

from mu_conformance.suites.conformance import ConformanceSuite

from mu_conformance.tasks import ClassificationTask

__all__ = ["ClassificationSuite"]


class ClassificationSuite(ConformanceSuite):
    """Judges a ``ClassificationTask``: accuracy, class logits, requests to forget a whole class."""

    task_kind = ClassificationTask
