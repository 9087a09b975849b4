"""The check that looks at single runs: every run must forget.

Models are pairs of numbers, a forgetting measure and a test score; nothing is trained.
"""

from __future__ import annotations

import numpy as np
import pytest
from hand_made import Given, HandMade

from mu_conformance.checks.robustness.seeds import seeds
from mu_conformance.checks.statistics import forgetting, utility
from mu_conformance.decision.outcome import Outcome
from mu_conformance.scenarios.profiles import PROFILES

SMOKE = PROFILES["smoke"]
SPREAD = 0.01 * np.sqrt(32 / 31)
"""Of references half of which lie 0.01 above their mean and half below."""


@pytest.fixture
def judged(monkeypatch):
    monkeypatch.setitem(forgetting.FORGETTING, "loss attack AUC", Given(lambda own: own[0]))
    monkeypatch.setattr(utility, "test_score", Given(lambda own: own[1]))

    def evidence(runs, original=0.9):
        offsets = np.tile([-0.01, 0.01], SMOKE.references // 2)
        return HandMade(
            references=[(0.5 + offset, 0.8 + offset) for offset in offsets],
            originals=[(original, 0.8)] * 4,
            runs=lambda count: runs[:count],
        )

    return evidence


class TestEveryRun:
    def test_runs_like_references_pass(self, judged):
        finding = seeds(judged([(0.5, 0.8), (0.52, 0.78), (0.48, 0.82), (0.5, 0.8)]))
        assert finding.outcome is Outcome.PASSED
        forgetting, score = finding.measurements
        # half of the gap of 0.4, and the 0.1 of the score: both more than 4.5 deviations of 0.01
        assert (forgetting.value, forgetting.margin) == (0.52, pytest.approx(0.2))
        assert (score.value, score.margin) == (0.78, pytest.approx(0.1))

    def test_one_run_that_remembers_fails_whatever_the_mean(self, judged):
        finding = seeds(judged([(0.5, 0.8), (0.5, 0.8), (0.5, 0.8), (0.9, 0.8)]))
        assert finding.outcome is Outcome.FAILED
        assert "run 3 is hardly moved from what the original does: its loss attack AUC is 0.900" in finding.message

    def test_one_run_of_no_use_fails(self, judged):
        finding = seeds(judged([(0.5, 0.8), (0.5, 0.1), (0.5, 0.8), (0.5, 0.8)]))
        assert finding.outcome is Outcome.FAILED
        assert "run 1 is of little use: its test score is 0.100" in finding.message

    def test_overforgetting_is_for_other_checks(self, judged):
        assert seeds(judged([(0.1, 1.0)] * 4)).outcome is Outcome.PASSED

    def test_the_side_of_the_original_counts_where_it_lies_below(self, judged):
        assert seeds(judged([(0.5, 0.8), (0.1, 0.8), (0.5, 0.8), (0.5, 0.8)], original=0.1)).outcome is Outcome.FAILED
        assert seeds(judged([(0.5, 0.8), (0.9, 0.8), (0.5, 0.8), (0.5, 0.8)], original=0.1)).outcome is Outcome.PASSED

    def test_no_run_is_held_to_less_than_what_references_spread(self, judged):
        finding = seeds(judged([(0.53, 0.8)] * 4, original=0.54))
        assert finding.measurements[0].margin == pytest.approx(4.5 * SPREAD)
        assert finding.outcome is Outcome.PASSED

    def test_where_the_references_mean_is_not_known_well_enough_nothing_is_said(self, judged):
        assert seeds(judged([(0.5, 0.8), (0.7, 0.8), (0.5, 0.8), (0.5, 0.8)])).outcome is Outcome.INCONCLUSIVE
