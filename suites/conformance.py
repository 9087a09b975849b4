"""What the suites of every kind of task share. A task's own suite is two lines::

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
    """What became of one question, waivers included."""

    outcome: Outcome
    message: str
    recommendation: bool
    """Whether a failure decides nothing, because its level is SHOULD."""


class ConformanceSuite:
    """Every check of the catalogue that applies to a task, a test for each check and scenario.

    The tests are generated from the manifest by the plugin, so a new check needs nothing here. What each asserts, why,
    and what a failure usually means is in the check's docstring (``mu-conformance list checks``).
    """

    task: ClassVar[Any]
    task_kind: ClassVar[type | None] = None
    """The kind of task that this suite is for; None: any."""

    def test_conforms(self, mu_entry: Any, mu_judgement: Any) -> None:
        """One check on one scenario, as the marker ``mu_check`` names it."""
        answer: Answer = mu_judgement(mu_entry)
        if answer.outcome is Outcome.NOT_CLAIMED:
            pytest.skip(answer.message)
        if answer.outcome is Outcome.WAIVED:
            pytest.xfail(answer.message)
        if answer.recommendation:
            pytest.xfail(f"recommendation: {answer.message}")
        if answer.outcome is not Outcome.PASSED:
            pytest.fail(f"{mu_entry.check} on {mu_entry.scenario}: {answer.outcome}. {answer.message}", pytrace=False)
