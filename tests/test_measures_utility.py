"""Use and overall scores."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mu_conformance.measures.utility import (
    at_temperature,
    expected_calibration_error,
    fitted_temperature,
    knowledge_gap,
    mu_bench_overall,
    mu_bench_overall_first,
    tug_of_war,
)

quick = settings(deadline=None, max_examples=60, database=None)
answers = hnp.arrays(bool, st.integers(1, 20))
shares = st.floats(0, 1)


class TestKnowledgeGap:
    def test_by_hand(self):
        # accuracies 1/4 on forget and 2/2 on retain rows: 0.5 + 0.75 / 2
        assert knowledge_gap(np.array([1, 0, 0, 0]), np.array([1, 1])) == 0.875
        assert knowledge_gap(np.zeros(3), np.ones(4)) == 1.0
        assert knowledge_gap(np.ones(3), np.zeros(4)) == 0.0

    @quick
    @given(answers, answers)
    def test_it_is_the_closed_form_and_mirrors(self, forget, retain):
        found = knowledge_gap(forget, retain)
        assert found == pytest.approx(0.5 + (retain.mean() - forget.mean()) / 2)
        assert knowledge_gap(retain, forget) == pytest.approx(1 - found)
        assert 0 <= found <= 1

    @pytest.mark.parametrize(
        ("forget", "retain", "message"),
        [
            (np.zeros(0), np.ones(2), "forget_correct must be a non-empty"),
            (np.ones(2), np.ones((2, 1)), "retain_correct must be a non-empty"),
            (np.array([0.5]), np.ones(2), "forget_correct must say right"),
            (np.ones(2), np.array([np.nan]), "retain_correct holds NaN"),
        ],
    )
    def test_refusals(self, forget, retain, message):
        with pytest.raises(ValueError, match=message):
            knowledge_gap(forget, retain)


def binary(confidence: list[float]) -> np.ndarray:
    return np.array([[c, 1 - c] for c in confidence])


class TestExpectedCalibrationError:
    def test_by_hand(self):
        # Ten bins. (0.7, 0.8]: 0.75 and 0.79, one right: |1.54 - 1| of 4 rows. (0.9, 1]: 0.95 twice, both right: 0.1.
        found = expected_calibration_error(binary([0.75, 0.79, 0.95, 0.95]), np.array([0, 1, 0, 0]), bins=10)
        assert found == pytest.approx((0.54 + 0.1) / 4)

    def test_errors_of_one_bin_cancel_and_those_of_two_do_not(self):
        probabilities, labels = binary([0.6, 0.9]), np.array([1, 0])
        assert expected_calibration_error(probabilities, labels, bins=1) == pytest.approx(abs(1.5 - 1) / 2)
        assert expected_calibration_error(probabilities, labels, bins=15) == pytest.approx((0.6 + 0.1) / 2)

    def test_golden_the_upper_edge_belongs_to_a_bin(self):
        # 0.7 lies in (0.6, 0.7] with 0.65, though 0.7 * 10 is above 7 in floating point: |1.35 - 1| / 2
        found = expected_calibration_error(binary([0.7, 0.65]), np.array([0, 1]), bins=10)
        assert found == pytest.approx(0.35 / 2)

    def test_both_ends(self):
        assert expected_calibration_error(np.eye(3), np.arange(3)) == 0.0
        assert expected_calibration_error(np.eye(3), np.array([1, 2, 0])) == 1.0

    @quick
    @given(st.integers(0, 2**31), st.integers(1, 20))
    def test_bounds_and_invariances(self, seed, bins):
        rng = np.random.RandomState(seed)
        probabilities, labels = rng.dirichlet(np.ones(4), 30), rng.randint(0, 4, 30)
        found = expected_calibration_error(probabilities, labels, bins)
        assert 0 <= found <= 1
        order, classes = rng.permutation(30), rng.permutation(4)
        assert expected_calibration_error(probabilities[order], labels[order], bins) == pytest.approx(found)
        renamed = expected_calibration_error(probabilities[:, classes], np.argsort(classes)[labels], bins)
        assert renamed == pytest.approx(found)
        doubled = expected_calibration_error(np.tile(probabilities, (2, 1)), np.tile(labels, 2), bins)
        assert doubled == pytest.approx(found)
        # one bin is the smallest of all: the triangle inequality
        assert expected_calibration_error(probabilities, labels, 1) <= found + 1e-12

    @pytest.mark.parametrize(
        ("probabilities", "labels", "bins", "message"),
        [
            (np.zeros((0, 2)), np.zeros(0, int), 15, "probabilities must be"),
            (np.eye(2), np.zeros(3, int), 15, r"labels must be \[2\]"),
            (np.eye(2), np.array([0, 2]), 15, r"a label lies outside 0\.\.1"),
            (np.array([[2.0, -3.0]]), np.array([0]), 15, "must be probabilities"),
            (np.eye(2), np.arange(2), 0, "bins must be finite"),
            (np.eye(2), np.arange(2), 1.5, "bins must be a whole number"),
        ],
    )
    def test_refusals(self, probabilities, labels, bins, message):
        with pytest.raises(ValueError, match=message):
            expected_calibration_error(probabilities, labels, bins)


class TestTugOfWar:
    def test_by_hand(self):
        # references' means 0.6, 1.0, 0.7: (1 - 0.1) (1 - 0.2) (1 - 0)
        found = tug_of_war(np.array([0.7, 0.8, 0.7]), np.array([[0.5, 1.0, 0.6], [0.7, 1.0, 0.8]]))
        assert found == pytest.approx(0.72)

    @quick
    @given(hnp.arrays(float, 3, elements=shares), hnp.arrays(float, 3, elements=shares))
    def test_bounds_and_symmetry(self, run, reference):
        assert tug_of_war(run, run) == 1.0
        assert 0 <= tug_of_war(run, reference) <= 1
        assert tug_of_war(run, reference) == tug_of_war(reference, run)

    @pytest.mark.parametrize(
        ("run", "references", "message"),
        [
            (np.zeros(2), np.zeros(3), r"scores must be \[k >= 1, 3\]"),
            (np.zeros((2, 3)), np.zeros(3), r"scores must be \[3\], those of one run"),
            (np.zeros(3), np.zeros((0, 3)), "reference_scores must be"),
            (np.zeros(3), np.array([0, np.nan, 0]), "reference_scores holds NaN"),
            (np.array([0, 0, 70]), np.zeros(3), r"must lie in \[0, 1\]"),
        ],
    )
    def test_refusals(self, run, references, message):
        with pytest.raises(ValueError, match=message):
            tug_of_war(run, references)


class TestMuBenchOverall:
    def test_by_hand(self):
        # kept 1 - 0.2, forgotten 1 - 0.4: 2 * 0.8 * 0.6 / 1.4
        assert mu_bench_overall(0.7, 0.5, 0.9, 0.1) == pytest.approx(0.96 / 1.4)
        assert mu_bench_overall(0.0, 1.0, 1.0, 0.0) == 0.0
        assert mu_bench_overall(0.9, 0.1, 0.9, 0.1) == 1.0

    def test_golden_the_first_form_gives_the_published_values(self):
        # Published speech cards: Bad-T and SCRUB, which always predict the majority class, and RandomLabel.
        assert mu_bench_overall_first(0.62, 0.134) == pytest.approx(0.743)
        assert mu_bench_overall_first(0.98, 0.98) == pytest.approx(0.50)

    def test_golden_both_rank_a_collapsed_model_above_exact_retraining(self):
        # Speech, 12 classes: the original's test accuracy is 0.98. A retrained model has never seen the forget rows and
        # so does on them what it does on test rows. This is why the scores are reported and decide nothing.
        collapsed, retrained = (0.62, 0.134), (0.975, 0.975)
        assert mu_bench_overall_first(*collapsed) == pytest.approx(0.743)
        assert mu_bench_overall_first(*retrained) == pytest.approx(0.5)
        # 1 - 0.36 and 1 - |0.134 - 1/12|; 1 - 0.005 and 1 - |0.975 - 1/12|
        assert mu_bench_overall(*collapsed, 0.98, 1 / 12) == pytest.approx(0.765, abs=5e-4)
        assert mu_bench_overall(*retrained, 0.98, 1 / 12) == pytest.approx(0.195, abs=5e-4)

    def test_tug_of_war_ranks_them_rightly(self):
        references = np.array([0.975, 0.99, 0.975])
        assert tug_of_war(references, references) == 1.0
        assert tug_of_war(np.array([0.134, 0.62, 0.62]), references) < 0.1

    @quick
    @given(shares, shares, shares, shares)
    def test_bounds(self, test, forget, original, random):
        assert 0 <= mu_bench_overall(test, forget, original, random) <= 1
        assert 0 <= mu_bench_overall_first(test, forget) <= 1
        assert mu_bench_overall(test, forget, original, random) == mu_bench_overall(original, random, test, forget)

    @pytest.mark.parametrize("value", [-0.1, 1.1, np.nan, 98])
    def test_refusals(self, value):
        for place in range(4):
            arguments = [0.5] * 4
            arguments[place] = value
            with pytest.raises(ValueError, match=r"must be finite and lie in \[0, 1\]"):
                mu_bench_overall(*arguments)
        with pytest.raises(ValueError, match="forget must be finite"):
            mu_bench_overall_first(0.5, value)


class TestTemperature:
    def test_of_probabilities_that_are_too_sure_by_a_known_factor(self):
        generator = np.random.RandomState(0)
        true = generator.dirichlet([1, 1, 1], size=4000)
        labels = np.array([generator.choice(3, p=p) for p in true])
        sharp = at_temperature(true, 0.5)
        # drawn from p itself, so that p ** 2 is too sharp by two
        assert fitted_temperature(sharp, labels) == pytest.approx(2.0, rel=0.1)
        assert fitted_temperature(true, labels) == pytest.approx(1.0, rel=0.1)

    def test_by_hand(self):
        # squared and normalised: 0.64 and 0.04 over 0.68
        assert at_temperature(np.array([[0.8, 0.2]]), 0.5)[0] == pytest.approx([0.64 / 0.68, 0.04 / 0.68])

    def test_a_temperature_of_nothing_is_refused(self):
        with pytest.raises(ValueError, match="temperature must be finite"):
            at_temperature(np.array([[0.8, 0.2]]), 0.0)
