"""Requests for a row alone: which rows are asked for, what is left of them, and what becomes of methods on them."""

from __future__ import annotations

import types
from pathlib import Path

import numpy as np
import pytest
from hand_made import HandMade

from mu_conformance.checks.robustness.few_rows import SmallRequest, clearest, few_rows, turn
from mu_conformance.decision.outcome import Outcome
from mu_conformance.evidence.base import EvidenceError
from mu_conformance.evidence.outputs import Outputs

TRAINED = np.array([4.0, 4.0, 0.0])


def references(*rows: list[float]) -> np.ndarray:
    """Sixteen references with each row's confidences in turn, four by four: each half has all, for each request."""
    return np.array([[row[(k // 4) % len(row)] for row in rows] for k in range(16)], dtype=float)


class TestWhatIsLeft:
    def test_from_the_references_to_the_originals(self):
        request = SmallRequest(np.array([1]), retrained=np.array([9.0, 0.0]), trained=np.array([9.0, 4.0]))
        assert [request.left(np.array([0.0, own])) for own in (-1.0, 0.0, 3.0, 9.0)] == [0.0, 0.0, 0.75, 1.0]

    def test_of_several_rows_it_is_that_of_their_mean(self):
        request = SmallRequest(np.array([0, 1]), retrained=np.zeros(2), trained=np.array([4.0, 6.0]))
        # 3 of 5
        assert request.left(np.array([0.0, 6.0])) == pytest.approx(0.6)


class TestWhichRows:
    def test_those_on_which_the_references_agree_and_the_originals_differ(self):
        # row 1 is as far away as row 0 but references spread five times as much on it, row 2 is known to none
        found, left = clearest(references([0.1, -0.1], [0.5, -0.5], [0.0, 0.0]), np.stack([TRAINED, TRAINED])[:, :3])
        assert [request.rows.tolist() for request in found] == [[0], [1], [0], [1]]
        # each of a half's eight, against the mean of the other seven, which lies a seventh as far on the other side
        on_first, on_second = (8 / 7 * off / (4 + off / 7) for off in (0.1, 0.5))
        assert sorted(set(left.round(9))) == pytest.approx([0.0, on_first, on_second], abs=1e-9)

    def test_two_where_one_alone_is_unclear(self):
        # a reference knows one row or the other, never both
        found, left = clearest(references([4.0, -4.0], [-4.0, 4.0]), np.array([[4.0, 4.0]]))
        assert [sorted(request.rows.tolist()) for request in found] == [[0, 1], [0, 1]]
        assert left == pytest.approx(np.zeros(16))

    def test_the_clearest_where_none_is_clear(self):
        found, left = clearest(references([4.0, -4.0]), np.array([[4.0]]))
        assert [request.rows.tolist() for request in found] == [[0], [0]]
        assert left.std() > 1 / 3

    def test_nothing_can_be_said_where_originals_know_no_row_better(self):
        with pytest.raises(EvidenceError, match="no surer of any forget row"):
            clearest(references([0.1, -0.1]), np.array([[0.0]]))

    def test_too_few_references(self):
        with pytest.raises(EvidenceError, match="needs 4 references, two to choose rows and two to judge; got 3"):
            clearest(references([0.1, -0.1])[:3], np.array([[4.0]]))

    def test_every_request_meets_another_original_in_the_next_round(self):
        assert [turn(number, 4) for number in range(8)] == [0, 1, 2, 3, 1, 2, 3, 0]


class TestDecision:
    """Confidences of runs on one row; references lie at 0, a little about it, and originals at 4."""

    @pytest.fixture
    def judged(self):
        task = types.SimpleNamespace(confidences=lambda found, rows: found)

        def model(confidences) -> Outputs:
            # holdout rows of mean 0 and deviation 1, so that these are the standardised confidences
            return Outputs({"forget": np.array(confidences), "holdout": np.array([-1.0, 1.0])})

        def judge(*runs: float):
            outputs = [model([own]) for own in runs]
            asked = []
            evidence = HandMade(
                references=[model(row) for row in references([0.1, -0.1])],
                originals=[model([4.0])] * 4,
                scenario=types.SimpleNamespace(name="toy", task=task, rows={"forget": None, "holdout": None}),
                task=task,
                few_rows_runs=lambda requests: asked.extend(requests) or outputs[: len(requests)],
            )
            return few_rows(evidence), asked

        return judge

    def test_runs_that_forget_pass_at_the_first_look(self, judged):
        finding, asked = judged(0.0, -0.1, -5.0, 0.3)
        assert finding.outcome is Outcome.PASSED
        assert [rows.tolist() for rows in asked] == [[0]] * 4
        (found,) = finding.measurements
        assert (found.runs, found.original, found.value) == (4, 1.0, pytest.approx(0.3 / 4 / 4))

    def test_runs_that_remember_fail(self, judged):
        finding, _ = judged(4.0, 3.9, 4.0, 4.1)
        assert finding.outcome is Outcome.FAILED
        assert "of a row asked for alone, 0.99 is left in 4 runs" in finding.message

    def test_one_that_remembers_now_and_then_is_no_pass(self, judged):
        finding, _ = judged(*[4.0, 0.0] * 16)
        assert finding.outcome is Outcome.INCONCLUSIVE
        assert "32 runs do not settle" in finding.message

    def test_more_runs_settle_what_seldom_happens(self, judged):
        finding, _ = judged(4.0, *[0.0] * 31)
        assert finding.outcome is Outcome.PASSED
        assert finding.measurements[0].runs == 16


@pytest.fixture
def finding(judging):
    from toy_task import ToyTask

    def of(method: str):
        task = ToyTask()
        session = judging(method, task)
        (entry,) = [entry for entry in session.entries(task) if entry.check == "robustness.few-rows"]
        return session.finding(entry), session.evidence(task.name, entry.scenario)

    return of


def test_a_method_is_asked_for_one_row_and_handed_all_others(finding):
    found, evidence = finding("mu_conformance.methods:Retrain")
    assert found.outcome is Outcome.PASSED, found.message
    reads = [run.records[0].call.report["reads"]["retain"]["of"] for run in evidence.small_runs]
    assert set(reads) == {len(evidence.scenario.train) - 1}


def test_a_request_that_breaks_the_method_is_an_error_that_names_the_row(finding):
    found, evidence = finding("mu_conformance.controls:DropsLastBatch")
    assert found.outcome is Outcome.ERROR
    assert "asked to forget training row" in found.message
    assert len(evidence.small_runs) == 1


class TestPool:
    """benchmarks/few_rows.py on models of two rows: references know neither, a run lacks one."""

    @pytest.fixture
    def bench(self, monkeypatch):
        monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "benchmarks"))
        import few_rows

        return few_rows

    def test_rows_are_the_clearest(self, bench, monkeypatch):
        monkeypatch.setattr(bench, "ROWS", 2)
        found = bench.clearest_rows(references([0.5, -0.5], [0.1, -0.1], [3.0, -3.0]), np.array([[4.0, 4.0, 4.0]]))
        assert found.tolist() == [1, 0]

    @pytest.mark.parametrize(("left", "outcome"), [(0.0, "passed"), (4.0, "failed")])
    def test_runs_are_of_the_row_that_was_asked_for(self, bench, left, outcome):
        known = np.tile(references([0.1, -0.1], [-0.1, 0.1]), (2, 1))
        # on the other row a run knows as much as an original
        runs = {0: np.tile([left, 4.0], (16, 1)), 1: np.tile([4.0, left], (16, 1))}
        found = bench.judge(known, np.full((4, 2), 4.0), runs, np.random.default_rng(0))
        assert found == outcome
