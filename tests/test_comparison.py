"""How many runs a comparison takes. The populations are numbers; nothing is trained."""

from __future__ import annotations

import numpy as np
import pytest
from hand_made import Given, HandMade

from mu_conformance.checks.comparison import compare
from mu_conformance.decision.outcome import Outcome
from mu_conformance.decision.rule import Margin
from mu_conformance.scenarios.profiles import PROFILES

LOOKS = PROFILES["smoke"].looks
REFERENCES = list(np.tile([-1.0, 1.0], PROFILES["smoke"].references // 2))
GAP = 12.0


def finding_on(runs: list[float], fraction: float):
    """The finding on runs that are taken in turn; originals lie at 12, references at -1 and 1."""
    taken = []

    def first(count: int) -> list[float]:
        taken.append(count)
        return runs[:count]

    evidence = HandMade(
        references=REFERENCES,
        originals=[GAP, GAP],
        runs=first,
    )
    finding = compare(evidence, "mean loss", Given(), Margin(0.1, fraction), cause="Because.")
    assert finding.measurements[0].runs == taken[-1]
    assert taken == list(LOOKS[: len(taken)])
    return finding


def runs_around(mean: float, deviation: float) -> list[float]:
    return [mean + deviation * (-1) ** number for number in range(LOOKS[-1])]


# The margin is a third of 12. The interval is about 0.6 wide for the references alone, and for runs that spread by 1 as
# wide as 1.9 at four, 1.2 at eight, 0.9 at sixteen runs.
@pytest.mark.parametrize(
    ("mean", "deviation", "outcome", "runs"),
    [
        (0.0, 1.0, Outcome.PASSED, 4),
        (12.0, 1.0, Outcome.FAILED, 4),
        (-12.0, 1.0, Outcome.FAILED, 4),
        (2.6, 1.0, Outcome.PASSED, 8),
        (5.4, 1.0, Outcome.FAILED, 8),
        (3.0, 1.0, Outcome.PASSED, 16),
        # on the margin, with runs that agree: the references' spread alone keeps it open, whatever is added
        (4.0, 0.01, Outcome.INCONCLUSIVE, 4),
        # on the margin, with runs that spread: it might be decided at sixteen, seen from four, but not from eight
        (4.0, 1.0, Outcome.INCONCLUSIVE, 8),
    ],
)
def test_runs_are_added_while_they_may_decide(mean, deviation, outcome, runs):
    finding = finding_on(runs_around(mean, deviation), 1 / 3)
    assert (finding.outcome, finding.measurements[0].runs) == (outcome, runs)
    given_up = outcome is Outcome.INCONCLUSIVE and runs < LOOKS[-1]
    assert ("No runs were added: the chance that 16 would decide is" in finding.message) is given_up


def test_a_check_that_is_given_up_does_not_pass():
    """Whatever the runs that were not made would have been."""
    runs = runs_around(4.0, 0.01)[:4] + [0.0] * 12
    assert finding_on(runs, 1 / 3).outcome is Outcome.INCONCLUSIVE
