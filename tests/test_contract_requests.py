"""The small requests of the contract: their sizes, the classes they keep, their words; and calls with one batch."""

from __future__ import annotations

import functools
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mu_conformance.checks.contract.batches_vary import batches_vary
from mu_conformance.checks.contract.order_invariant import slack
from mu_conformance.decision.outcome import Level, Outcome
from mu_conformance.evidence.call_record import CallRecord
from mu_conformance.evidence.calls import Calls
from mu_conformance.evidence.contract import ContractHarness, ContractRequest
from mu_conformance.isolation.call import CallResult
from mu_conformance.protocol.claims import Claims
from mu_conformance.protocol.recipe import TrainingRecipe
from mu_conformance.protocol.request import Budget
from mu_conformance.tasks import ClassificationTask, Rows, Splits


class Grid(ClassificationTask):
    """Rows in ``classes`` classes in turn."""

    name = "grid"
    modality = "tabular"
    summary = "rows for these tests"
    architectures = ("none",)
    num_classes = 5
    rows, classes = 300, 5
    recipe = TrainingRecipe(1, 64, 0.1)

    def load_splits(self) -> Splits:
        rows = Rows(
            {"x": torch.arange(2.0 * self.rows).reshape(-1, 2), "labels": torch.arange(self.rows) % self.classes}
        )
        return Splits(rows, rows, rows)

    def build_model(self, architecture: str):
        raise NotImplementedError


@functools.cache
def harness_of(rows: int = 300, classes: int = 5) -> ContractHarness:
    task = type("Grid", (Grid,), {"rows": rows, "classes": classes, "num_classes": classes})()
    return ContractHarness(task, "none", SimpleNamespace(), Claims(), examples=1, time_limit=1.0)


class TestRequests:
    def test_their_sizes(self):
        harness = harness_of()
        assert len(harness.pool) == 48
        assert (len(harness.usual.forget), len(harness.usual.retain)) == (8, 40)
        # three batches of 64 retain rows
        assert (len(harness.ordered.forget), len(harness.ordered.retain)) == (8, 192)
        assert len(set(harness.ordered.forget + harness.ordered.retain)) == 200

    def test_all_rows_where_there_are_fewer(self):
        harness = harness_of(rows=100)
        assert (len(harness.pool), len(harness.ordered.retain)) == (48, 92)

    def test_two_rows_of_each_of_many_classes(self):
        harness = harness_of(rows=300, classes=60)
        assert np.bincount(harness.classes[: len(harness.pool)]).tolist() == [2] * 60

    @settings(deadline=None, max_examples=60)
    @given(
        st.sampled_from([2, 5, 20]),
        st.lists(st.integers(0, 47), min_size=1, max_size=12, unique=True),
        st.integers(8, 36),
    )
    def test_every_class_stays_in_the_retain_set(self, classes, forget, retained):
        harness = harness_of(classes=classes)
        request = harness.keeping_classes(forget, retained, 3)
        assert 0 < len(request.forget) <= len(forget)
        assert set(request.forget) <= set(forget)
        assert not set(request.forget) & set(request.retain)
        assert len(request.retain) == max(retained, classes)
        assert list(request.retain) == sorted(request.retain)
        assert len(set(harness.classes[list(request.retain)])) == classes

    def test_the_last_row_of_a_class_is_not_to_be_deleted(self):
        harness = harness_of(rows=300, classes=20)
        rows = [int(row) for row in np.flatnonzero(harness.classes[:48] == 7)]
        request = harness.keeping_classes(rows, 30, 0)
        assert list(request.forget) == rows[:-1]
        assert rows[-1] in request.retain

    def test_their_words(self):
        harness = harness_of()
        others = tuple(int(row) for row in np.flatnonzero(harness.classes[:48] < 3))
        assert harness.described(harness.usual) == "a request of 8 forget and 40 retain rows"
        request = ContractRequest((0,), others, freeze=True)
        assert harness.described(request) == (
            f"a request of 1 forget and {len(others)} retain rows, none of these of class 3, 4, "
            "with half of the parameters frozen"
        )
        assert harness.described(ContractRequest((0,), ())).endswith(
            "0 retain rows, none of these of class 0, 1, 2, ..."
        )


class TestSlackOfOrder:
    """What the order may change besides is a quarter of the difference between two rows, within bounds."""

    @pytest.mark.parametrize(
        ("values", "expected"),
        [
            ([[0.02], [0.04]], 0.0025),  # rows differ by 0.02, and by nothing from themselves: 0.01 on average
            ([[0.5], [0.5]], 0.001),
            ([[1.0, 0.0], [0.0, 1.0]], 0.05),
        ],
    )
    def test_by_hand(self, values, expected):
        assert slack(np.array(values)) == pytest.approx(expected)


class TestBatchesVary:
    @staticmethod
    def finding(rows: int, draws: int, of: int, batch: int | None = 64):
        report = {"reads": {"retain": {"rows": rows, "draws": draws, "of": of}}}
        call = CallResult("returned", report=report)
        return batches_vary(Calls((CallRecord(call, Budget(), batch),), Claims(), "here"))

    def test_one_batch_twenty_times_is_a_recommendation(self):
        finding = self.finding(64, 1280, 540)
        assert (finding.outcome, finding.level) == (Outcome.FAILED, Level.SHOULD)
        assert "drew 64 retain rows 20 times each, and the other 476 never" in finding.message

    @pytest.mark.parametrize(
        ("rows", "draws", "of"),
        [
            (540, 16200, 540),  # retraining for thirty epochs
            (65, 6500, 540),  # two batches
            (64, 319, 540),  # fewer than five times
            (64, 1280, 191),  # fewer than three batches
            (0, 0, 540),
        ],
    )
    def test_other_calls_pass(self, rows, draws, of):
        assert self.finding(rows, draws, of).outcome is Outcome.PASSED

    def test_nothing_is_said_without_a_batch_size_or_reads(self):
        assert self.finding(64, 1280, 540, None).outcome is Outcome.PASSED
        record = CallRecord(CallResult("raised", "why"), Budget(), 64)
        assert batches_vary(Calls((record,), Claims(), "here")).outcome is Outcome.ERROR
