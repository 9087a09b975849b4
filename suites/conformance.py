"""Provide the base of the suites for every kind of task.

A task's own suite is two lines::

    class TestSentiment(ClassificationSuite):
        task = "sentiment"

``task`` is the name of a registered task, or a ``Task`` of your own (class or instance).
"""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import pytest

from mu_conformance.decision.outcome import Outcome

__all__ = ["Answer", "ConformanceSuite"]


@dataclasses.dataclass(frozen=True)
class Answer:
    """Holds the result of one check on one scenario, waivers included."""

    outcome: Outcome
    """Outcome of the check."""
    message: str
    """Reason for the outcome."""
    recommendation: bool
    """True for a failure that decides nothing, because the check's level is SHOULD."""


class ConformanceSuite:
    """Runs every check of the catalogue that applies to a task, as one test for each check and scenario.

    The plugin generates the tests from the manifest, so a new check needs nothing here. A check's docstring states its
    assertion, the reason, and the usual meaning of a failure (``mu-conformance list checks --explain ID``).
    """

    task: ClassVar[Any]
    """Name of a registered task, or a ``Task`` (class or instance)."""
    task_kind: ClassVar[type | None] = None
    """Kind of task that this suite is for; None for any."""

    def test_conforms(self, mu_entry: Any, mu_judgement: Any) -> None:
        """Judge one check on one scenario, as named by the marker ``mu_check``."""
        answer: Answer = mu_judgement(mu_entry)
        if answer.outcome is Outcome.NOT_CLAIMED:
            pytest.skip(answer.message)
        if answer.outcome is Outcome.WAIVED:
            pytest.xfail(answer.message)
        if answer.recommendation:
            pytest.xfail(f"recommendation: {answer.message}")
        if answer.outcome is not Outcome.PASSED:
            pytest.fail(f"{mu_entry.check} on {mu_entry.scenario}: {answer.outcome}. {answer.message}", pytrace=False)
