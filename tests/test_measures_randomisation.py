"""The test by drawing memberships again: p-values by hand, and how often it is wrong."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from mu_conformance.evidence.audit import memberships
from mu_conformance.measures.membership import auc, membership_randomisation

quick = settings(deadline=None, max_examples=30, database=None)
TWO_OF_FOUR = np.array([[False], [False], [True], [True]])


def test_two_of_four_models_by_hand():
    # six memberships of two models each; the sums of ranks are 3, 4, 5, 5, 6, 7: two are as far as 7
    found = membership_randomisation(np.array([[1.0], [2.0], [3.0], [4.0]]), TWO_OF_FOUR)
    assert found.aucs.tolist() == [1.0]
    assert found.p_value == pytest.approx(1 / 3, abs=0.02)
    # models in the middle: the sum 5 is no evidence at all
    assert membership_randomisation(np.array([[1.0], [4.0], [2.0], [3.0]]), TWO_OF_FOUR).p_value == 1.0


def test_two_rows_by_hand():
    # each of two rows as extreme as can be, both drawn anew: 1 - (2/3)^2 have one as far
    scores = np.array([[1.0, 4.0], [2.0, 3.0], [3.0, 2.0], [4.0, 1.0]])
    found = membership_randomisation(scores, np.repeat(TWO_OF_FOUR, 2, axis=1))
    assert found.aucs.tolist() == [1.0, 0.0]
    assert found.p_value == pytest.approx(5 / 9, abs=0.02)


def test_one_row_of_many_is_found_and_named():
    rng = np.random.RandomState(0)
    included, scores = memberships(64, 40, 1), rng.standard_normal((64, 40))
    assert membership_randomisation(scores, included).p_value > 0.02
    scores[:, 7] += 2.0 * included[:, 7]
    found = membership_randomisation(scores, included)
    assert found.worst == 7
    assert found.p_value == 1 / 10_000
    assert found.aucs[7] == pytest.approx(auc(scores[included[:, 7], 7], scores[~included[:, 7], 7]))


def test_models_that_differ_as_a_whole_are_no_evidence():
    # all rows move together, heavily: with a test of each row's models as independent of the others', most would be
    # found
    rng = np.random.RandomState(1)
    wrong = 0
    for seed in range(200):
        scores = rng.standard_cauchy((16, 1)) + 0.01 * rng.standard_normal((16, 12))
        wrong += membership_randomisation(scores, memberships(16, 12, seed), draws=199).p_value <= 0.1
    assert binomtest(wrong, 200, 0.1, alternative="greater").pvalue > 1e-4
    assert wrong > 5


@quick
@given(st.integers(0, 2**31 - 1), st.integers(1, 8), st.integers(1, 6))
def test_only_the_order_of_each_rows_scores_matters(seed, half, rows):
    rng = np.random.RandomState(seed)
    included, scores = memberships(2 * half, rows, seed), rng.standard_normal((2 * half, rows)).round(1)
    found = membership_randomisation(scores, included, draws=99)
    assert 0 < found.p_value <= 1
    assert ((found.aucs >= 0) & (found.aucs <= 1)).all()
    for other in (np.exp(scores), scores + np.arange(rows)):
        again = membership_randomisation(other, included, draws=99)
        assert again.p_value == found.p_value
        assert again.aucs == pytest.approx(found.aucs)
    assert membership_randomisation(-scores, included, draws=99).aucs == pytest.approx(1 - found.aucs)


@pytest.mark.parametrize(
    ("scores", "included", "message"),
    [
        (np.zeros((4, 1)), np.ones((4, 2), bool), "included must be bool"),
        (np.zeros((4, 1)), np.ones((4, 1)), "included must be bool"),
        (np.zeros((4, 1)), np.ones((4, 1), bool), "in some models and not in others"),
        (np.full((4, 1), np.nan), TWO_OF_FOUR, "NaN"),
        (np.zeros(4), TWO_OF_FOUR, "scores must be"),
    ],
)
def test_refusals(scores, included, message):
    with pytest.raises(ValueError, match=message):
        membership_randomisation(scores, included)


def test_no_draws_are_refused():
    with pytest.raises(ValueError, match="draws must be 1 at least, got 0"):
        membership_randomisation(np.zeros((4, 1)), TWO_OF_FOUR, draws=0)
