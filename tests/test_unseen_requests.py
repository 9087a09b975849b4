"""Requests that nobody can foresee: what is drawn, how it is decided, and what it finds out."""

from __future__ import annotations

import itertools
import types
from pathlib import Path

import numpy as np
import pytest
from hand_made import Given, HandMade
from hypothesis import given
from hypothesis import strategies as st

from mu_conformance.checks.robustness import unseen_request as module
from mu_conformance.checks.robustness.unseen_request import unseen_request
from mu_conformance.checks.statistics import membership
from mu_conformance.decision.interval import known_spread_interval
from mu_conformance.decision.outcome import Outcome
from mu_conformance.decision.rule import Margin
from mu_conformance.evidence.base import EvidenceError
from mu_conformance.judging.settings import Settings, SettingsError, check_challenge
from mu_conformance.scenarios.scenario import Scenario
from mu_conformance.scenarios.unseen import Draw, systematic_sizes

TOY = str(Path(__file__).parent / "toy")


class TestSizes:
    def test_by_hand(self):
        # (31 + 1) ** (0.1, 0.3, 0.5, 0.7, 0.9) = 1.4, 2.8, 5.7, 11.3, 22.6
        assert systematic_sizes(31, 5, 0.5) == (22, 11, 5, 2, 1)

    @given(st.integers(1, 500), st.integers(1, 12), st.floats(0, 1, exclude_max=True))
    def test_they_fall_and_lie_in_the_range(self, largest, count, offset):
        sizes = systematic_sizes(largest, count, offset)
        assert len(sizes) == count
        assert all(1 <= size <= largest for size in sizes)
        assert list(sizes) == sorted(sizes, reverse=True)

    @given(st.floats(0, 1, exclude_max=True))
    def test_a_range_as_wide_as_a_stratum_never_goes_unasked(self, offset):
        # from 9 to under 0.04 of 600: log(24 / 9) is more than a sixth of log(61)
        assert any(9 <= size < 24 for size in systematic_sizes(60, 6, offset))


@pytest.fixture
def draw(monkeypatch):
    monkeypatch.syspath_prepend(TOY)
    from toy_task import ToyTask

    task = ToyTask()

    def of(secret="for a test", ratio=0.1, count=6):
        return Draw(Scenario(task, "random", 0.1, "mlp"), secret, count, ratio)

    return of


def rows_of(rows):
    return {tuple(row.tolist()) for row in rows.columns["x"]}


class TestDraw:
    def test_the_original_has_as_many_rows_as_a_shipped_one_and_none_that_are_compared(self, draw):
        one = draw()
        scenario = one.scenario(np.arange(5), 3)
        assert len(scenario.train) == one.rows == 300
        assert len(one.pool) == 30
        parts = {name: rows_of(rows) for name, rows in scenario.rows.items()}
        trained = rows_of(scenario.train)
        assert {name: len(rows) for name, rows in parts.items()} == {
            "forget": 5, "inside": 3, "kept": 25, "known": 200, "holdout": 270
        }  # fmt: skip
        assert parts["kept"] | parts["known"] <= rows_of(scenario.retain)
        assert parts["forget"] | parts["inside"] == rows_of(scenario.forget)
        assert parts["forget"] | parts["inside"] | rows_of(scenario.retain) == trained
        assert not parts["holdout"] & trained
        assert not parts["forget"] & rows_of(one.base.train)
        assert parts["inside"] < rows_of(one.base.retain)
        assert scenario.size == 8

    def test_the_order_of_rows_does_not_tell_the_pool(self, draw):
        scenario = draw().scenario(np.arange(30), 0)
        places = scenario.forget_set.indices
        assert places.min() < 100 < 200 < places.max()

    def test_another_secret_draws_all_else_and_the_same_the_same(self, draw):
        one, again, other = draw(), draw(), draw("another")
        assert one.pool.tolist() == again.pool.tolist() != other.pool.tolist()
        assert one.seed("run", 1) == again.seed("run", 1) != other.seed("run", 1)
        assert {draw(str(number)).sizes for number in range(8)} != {one.sizes}

    def test_no_request_is_larger_than_was_claimed(self, draw):
        assert max(max(draw(str(number), ratio=0.02).sizes) for number in range(40)) <= 6
        assert draw(ratio=0.0001).sizes == (1,) * 6

    def test_a_small_holdout_is_shared(self, draw):
        one = draw()
        one.base.task.splits.holdout.columns = {
            name: column[:20] for name, column in one.base.task.splits.holdout.columns.items()
        }
        assert len(one.pool) == 10


class Model(dict):
    """Outputs that are one number for what is forgotten, one for what stays, and one for rows inside."""

    def __init__(self, value, stranger=0.5, inside=0.5):
        super().__init__(forget={"confidences": np.full(40, value)})
        self.value, self.stranger, self.inside = value, stranger, inside


class Requests:
    """One request: the references have 0.5, the original 0.9, each but for what is given.

    Models retrained just now have ``exact``, in turn.
    """

    def __init__(self, *runs, original=0.9, spread=0.01, sizes=(3,), kept=0, exact=(0.5,)):
        self.sizes, self.pool, self.rows = sizes, 40, 400
        self._runs, self._original, self._spread, self._kept = runs, original, spread, kept
        self._exact, self.made = itertools.cycle(exact), []
        self.asked = []

    def retrained(self, asked, count):
        self.made += [Model(next(self._exact)) for _ in range(count - len(self.made))]
        return self.made[:count]

    def evidence(self, outside, inside=0):
        self.asked.append((len(outside), inside))
        rows = {"forget": [0] * len(outside), "holdout": [0] * 200, "inside": [0] * inside, "kept": [0] * self._kept}
        rows = {name: part for name, part in rows.items() if part or name in ("forget", "holdout")}
        scenario = types.SimpleNamespace(name="toy", rows=rows, size=len(outside) + inside)
        scenario.draw = types.SimpleNamespace(base=scenario)
        task = types.SimpleNamespace(features={"convex"})
        scenario.task = task
        # prepared without the pool, as stored references are: they know rows that stay and are strangers to others
        references = [Model(0.5 + offset, 0.9 + offset) for offset in np.tile([-self._spread, self._spread], 16)]
        runs = [one if isinstance(one, Model) else Model(one) for one in self._runs]
        return HandMade(
            references=references,
            originals=[Model(self._original, 0.5, 0.9)],
            runs=lambda count: (runs + [runs[-1]] * 8)[:count],
            scenario=scenario,
            task=task,
        )


@pytest.fixture
def judged(monkeypatch):
    value = module._Decided("a", Given(lambda own: own.value), Margin(floor=0.01, fraction=0.2))
    monkeypatch.setattr(module, "_statistics", lambda task: [value])
    read = lambda scenario, own: own["forget"]["confidences"]  # noqa: E731
    monkeypatch.setattr(membership, "standardised_confidences", lambda part: read)
    monkeypatch.setattr(membership, "inside_auc", Given(lambda own: own.inside))
    monkeypatch.setattr(membership, "stranger_auc", Given(lambda own: own.stranger))
    return lambda requests: unseen_request(HandMade(references=[0.0], unseen=requests))


class TestDecision:
    def test_one_run_like_the_references_passes(self, judged):
        found = judged(Requests(0.5))
        assert found.outcome is Outcome.PASSED
        (measurement,) = found.measurements
        # a fifth of the gap of 0.4
        assert measurement.margin == pytest.approx(0.08)
        assert (measurement.runs, measurement.rows) == (1, 3)

    def test_what_serves_it_halfway_fails(self, judged):
        found = judged(Requests(0.65))
        assert found.outcome is Outcome.FAILED
        assert "a on 3 rows drawn just now is 0.650 in one run, of references 0.500, of the original 0.900" in (
            found.message
        )

    def test_the_other_side_fails_only_beyond_half_of_the_gap(self, judged):
        assert judged(Requests(0.35)).outcome is Outcome.PASSED
        assert judged(Requests(0.2)).outcome is Outcome.FAILED

    def test_a_margin_that_does_not_tell_gives_way_to_half_of_the_gap(self, judged):
        # a deviation of 0.03: a fifth of the gap is 2.6 of them, and the sharpest is decided instead
        found = judged(Requests(0.5, spread=0.03))
        assert found.measurements[0].margin == pytest.approx(0.2)

    def test_runs_are_added_while_it_is_open(self, judged):
        found = judged(Requests(0.58, 0.5))
        assert (found.outcome, found.measurements[0].runs) == (Outcome.PASSED, 8)

    def test_an_original_that_tells_nothing_is_the_suites_fault(self, judged):
        with pytest.raises(EvidenceError, match="no unseen request can be judged"):
            judged(Requests(0.5, original=0.52))

    def test_retain_rows_are_asked_for_in_the_largest_request_alone(self, judged):
        requests = Requests(0.5, sizes=(12, 3))
        found = judged(requests)
        assert found.outcome is Outcome.PASSED
        assert "loss attack AUC of 4 rows named that stored references know" in [one.name for one in found.measurements]
        assert {(8, 4), (3, 0)} <= set(requests.asked)

    def test_retain_rows_that_stay_known_fail(self, judged):
        # the half of 0.4 is 0.2; chance is sqrt((1 / 13 + 1 / 200) / 12) = 0.083, of which the interval has 1.96
        assert judged(Requests(Model(0.5, inside=0.85), sizes=(39,))).outcome is Outcome.PASSED
        found = judged(Requests(Model(0.5, inside=0.91), sizes=(39,)))
        assert found.outcome is Outcome.FAILED
        assert "they are known as before" in found.message

    def test_a_model_that_does_not_know_what_stays_was_not_made_for_the_request(self, judged):
        assert judged(Requests(Model(0.5, stranger=0.6), kept=20)).outcome is Outcome.PASSED
        found = judged(Requests(Model(0.5, stranger=0.9), kept=20))
        assert found.outcome is Outcome.FAILED
        assert "It was not made from the rows of this request" in found.message

    def test_of_a_few_rows_that_stay_nothing_is_said(self, judged):
        assert judged(Requests(Model(0.5, stranger=0.9), kept=7)).outcome is Outcome.PASSED


class TestRetrainedJustNow:
    """References lack the rows of the pool that stay. What fails against them may be the effect of those rows."""

    def test_what_passes_against_references_makes_none(self, judged):
        requests = Requests(0.5, kept=7)
        assert judged(requests).outcome is Outcome.PASSED
        assert requests.made == []

    def test_what_is_like_them_passes(self, judged):
        requests = Requests(0.65, kept=7, exact=(0.64,))
        found = judged(requests)
        (measurement,) = found.measurements
        assert (found.outcome, len(requests.made), measurement.runs) == (Outcome.PASSED, 1, 1)
        # a fifth of 0.9 - 0.64
        assert measurement.margin == pytest.approx(0.052)
        assert measurement.references.mean == pytest.approx(0.64)
        # t(31) at 1 - 0.05 / 6 is 2.8176, the deviation of the references 0.01 root(32 / 31), of a difference root 2
        assert measurement.interval.high == pytest.approx(0.01 + 2.8176 * 0.01 * (64 / 31) ** 0.5, abs=1e-4)

    def test_what_is_not_like_them_fails_and_ends_it(self, judged):
        requests = Requests(0.65, kept=7, sizes=(12, 3))
        found = judged(requests)
        assert found.outcome is Outcome.FAILED
        assert "0.650 in one run, of models retrained just now 0.500, of the original 0.900" in found.message
        assert {size + inside for size, inside in requests.asked if size < 40} == {12}

    def test_as_many_as_runs_are_made_while_it_is_open(self, judged):
        # 0.60 - 0.50 is beyond 0.08, and by the mean of four of each no longer open
        requests = Requests(0.60, 0.56, kept=7, exact=(0.5, 0.54))
        assert judged(requests).outcome is Outcome.PASSED
        assert len(requests.made) > 1

    def test_where_they_tell_nothing_from_the_original_it_stays_open(self, judged):
        assert judged(Requests(0.65, kept=7, exact=(0.86,))).outcome is Outcome.INCONCLUSIVE


class TestInterval:
    def test_by_hand(self):
        found = known_spread_interval(np.array([0.6, 0.8]), np.array([0.5]), 0.1, 31, 0.95)
        # 0.7 - 0.5, and t(31) = 2.0395 times 0.1 times the root of 1.5
        assert (found.low, found.high) == (
            pytest.approx(0.2 - 0.24979, abs=1e-4),
            pytest.approx(0.2 + 0.24979, abs=1e-4),
        )

    @pytest.mark.parametrize("bad", [(np.array([]), np.array([1.0])), (np.array([np.nan]), np.array([1.0]))])
    def test_nothing_is_said_of_nothing(self, bad):
        with pytest.raises(ValueError, match=r"need at least 1 run|NaN or infinite"):
            known_spread_interval(*bad, 0.1, 31, 0.95)


class TestChallenge:
    @pytest.mark.parametrize("bad", ["", "short", "   blank   "[:3], 12345678])
    def test_one_that_can_be_guessed_is_refused(self, bad):
        with pytest.raises(SettingsError, match="8 characters or more"):
            check_challenge(bad)

    def test_it_is_the_secret_and_otherwise_each_run_has_its_own(self):
        assert Settings(challenge="an auditor's text").secret == "an auditor's text"
        assert Settings().secret != Settings().secret
        assert "drawn" not in Settings().to_json()


@pytest.fixture
def finding(judging):
    from toy_task import ToyTask

    def of(method: str, challenge: str):
        task = ToyTask()
        session = judging(method, task, challenge=challenge)
        (entry,) = [entry for entry in session.entries(task) if entry.check == "robustness.unseen-request"]
        assert entry.ratio == 1 / 300
        return session.finding(entry), session.evidence(task.name, entry.scenario)

    return of


@pytest.mark.parametrize("number", range(2))
def test_retraining_passes_on_requests_from_one_row_up(finding, number):
    found, evidence = finding("mu_conformance.methods:Retrain", f"challenge {number}")
    assert found.outcome is Outcome.PASSED, found.message
    asked = [len(one.scenario.forget) for one in evidence.unseen._evidence if one.runs_made]
    assert asked == sorted(asked, reverse=True)
    assert min(asked) <= 4
    # the same requests are drawn again from the same challenge
    assert [one.rows for one in found.measurements if one.rows] != []


@pytest.mark.parametrize("number", range(2))
def test_models_retrained_just_now_know_what_stays_and_not_what_is_forgotten(finding, number):
    _, evidence = finding("mu_conformance.methods:Retrain", f"challenge {number}")
    (asked,) = [one for one in evidence.unseen._evidence if one.scenario.size == 1 and one.runs_made][:1]
    first, again = evidence.unseen.retrained(asked, 2), evidence.unseen.retrained(asked, 2)
    assert first == again
    loss = lambda model, part: np.mean(asked.scenario.task.losses(model[part], asked.scenario.rows[part]))  # noqa: E731
    for model in first:
        assert loss(model, "kept") < loss(model, "forget")
    # the references know neither
    assert np.mean([loss(model, "kept") for model in asked.references]) > loss(first[0], "kept") + 0.5


@pytest.mark.parametrize("control", ["KnowsTheRequests", "IgnoresMiddlingRequests", "DoNothing"])
def test_what_serves_some_requests_only_is_found(finding, control):
    found, _ = finding(f"mu_conformance.controls:{control}", "challenge 3")
    assert found.outcome is Outcome.FAILED


def test_the_seeds_of_calls_follow_from_the_secret_alone(finding):
    _, one = finding("mu_conformance.methods:Retrain", "challenge 4")
    _, other = finding("mu_conformance.methods:Retrain", "challenge 5")
    seeds = [[evidence.seed("run", number, 0) for number in range(4)] for evidence in (one, other)]
    assert len(set(itertools.chain(*seeds))) == 8
