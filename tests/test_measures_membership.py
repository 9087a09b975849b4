"""Membership attacks: AUC, true-positive rates, offline LiRA."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import roc_auc_score, roc_curve

from mu_conformance.measures import membership
from mu_conformance.measures.membership import Attack, auc, lira_offline, loss_attack, rmia

quick = settings(deadline=None, max_examples=60, database=None)
# Few distinct values, so that ties are common.
coarse = hnp.arrays(float, st.integers(1, 15), elements=st.integers(-3, 3).map(float))


class TestAuc:
    def test_by_hand(self):
        # Pairs (positive, negative): 3>1, 3>2, 2>1, 2=2 -> (3 + 1/2) / 4
        assert auc(np.array([3.0, 2.0]), np.array([1.0, 2.0])) == 0.875
        assert auc(np.array([2.0]), np.array([1.0, 0.0])) == 1.0
        assert auc(np.array([0.0]), np.array([1.0, 2.0])) == 0.0
        assert auc(np.ones(3), np.ones(5)) == 0.5

    @quick
    @given(coarse, coarse)
    def test_it_is_scikit_learns_ties_included(self, positives, negatives):
        truth = np.r_[np.ones(len(positives)), np.zeros(len(negatives))]
        assert auc(positives, negatives) == pytest.approx(roc_auc_score(truth, np.r_[positives, negatives]))

    @quick
    @given(coarse, coarse)
    def test_swapping_the_sides_mirrors_it(self, positives, negatives):
        assert auc(positives, negatives) + auc(negatives, positives) == pytest.approx(1)

    @quick
    @given(coarse, coarse)
    def test_only_the_order_of_scores_matters(self, positives, negatives):
        assert auc(np.exp(positives) - 7, np.exp(negatives) - 7) == auc(positives, negatives)

    @pytest.mark.parametrize(
        ("positives", "negatives", "message"),
        [
            (np.array([]), np.ones(2), "positives must be a non-empty one-dimensional array"),
            (np.ones(2), np.ones((2, 2)), "negatives must be a non-empty one-dimensional array"),
            (np.array([np.nan]), np.ones(2), "positives holds NaN or infinite"),
            (np.ones(2), np.array([np.inf]), "negatives holds NaN or infinite"),
        ],
    )
    def test_refusals(self, positives, negatives, message):
        with pytest.raises(ValueError, match=message):
            auc(positives, negatives)


class TestAttack:
    attack = Attack(np.array([0.9, 0.8, 0.4, 0.3]), np.array([0.7, 0.5, 0.2, 0.1]))

    @pytest.mark.parametrize(
        ("fpr", "tpr"),
        # Only thresholds above 0.7 reject the whole holdout: two of four. Above 0.5 one holdout row slips in and no
        # forget row more; from 0.3 on, two holdout rows and every forget row.
        [(0.0, 0.5), (0.1, 0.5), (0.25, 0.5), (0.49, 0.5), (0.5, 1.0), (1.0, 1.0)],
    )
    def test_true_positive_rates_by_hand(self, fpr, tpr):
        assert self.attack.tpr_at(fpr) == tpr

    def test_a_tie_with_a_holdout_row_cannot_be_claimed_at_rate_zero(self):
        tied = Attack(np.array([1.0, 1.0]), np.array([1.0, 0.0]))
        assert tied.tpr_at(0.0) == 0.0
        assert tied.tpr_at(0.5) == 1.0

    @quick
    @given(coarse, coarse, st.floats(0, 1))
    def test_it_is_the_roc_curve_without_interpolation(self, forget, holdout, fpr):
        truth = np.r_[np.ones(len(forget)), np.zeros(len(holdout))]
        false, true, _ = roc_curve(truth, np.r_[forget, holdout], drop_intermediate=False)
        assert Attack(forget, holdout).tpr_at(fpr) == pytest.approx(true[false <= fpr].max())

    @quick
    @given(coarse, coarse, st.floats(0, 1), st.floats(0, 1))
    def test_it_rises_with_the_tolerated_rate(self, forget, holdout, one, other):
        low, high = sorted((one, other))
        attack = Attack(forget, holdout)
        assert 0 <= attack.tpr_at(low) <= attack.tpr_at(high) <= 1

    @pytest.mark.parametrize("fpr", [-0.1, 1.1, float("nan")])
    def test_a_rate_outside_its_range_is_refused(self, fpr):
        with pytest.raises(ValueError, match=r"fpr must lie in \[0, 1\]"):
            self.attack.tpr_at(fpr)

    def test_auc_by_hand(self):
        # Of 16 pairs, 0.9 and 0.8 win four each, 0.4 and 0.3 two each.
        assert self.attack.auc == 12 / 16


class TestLossAttack:
    def test_a_low_loss_means_member(self):
        assert loss_attack(np.array([0.1, 0.2]), np.array([1.0, 2.0])).auc == 1.0
        # Over-forgetting shows as an AUC far below one half.
        assert loss_attack(np.array([5.0, 6.0]), np.array([1.0, 2.0])).auc == 0.0

    def test_scores_are_the_negated_losses(self):
        attack = loss_attack(np.array([0.5]), np.array([1.5, 0.25]))
        assert attack.forget.tolist() == [-0.5]
        assert attack.holdout.tolist() == [-1.5, -0.25]

    @quick
    @given(coarse, coarse)
    def test_its_auc_is_the_mirror_of_the_losses(self, forget, holdout):
        assert loss_attack(forget, holdout).auc == pytest.approx(1 - auc(forget, holdout))

    def test_refusals(self):
        with pytest.raises(ValueError, match="forget_losses holds NaN"):
            loss_attack(np.array([np.nan]), np.ones(1))
        with pytest.raises(ValueError, match="holdout_losses must be a non-empty"):
            loss_attack(np.ones(1), np.array([]))


@st.composite
def populations(draw):
    """Scores [n] and reference scores [k, n] in eighths, so that means and shifts are exact."""
    k, n = draw(st.integers(2, 6)), draw(st.integers(1, 8))
    eighths = st.integers(-400, 400).map(lambda value: value / 8)
    return draw(hnp.arrays(float, n, elements=eighths)), draw(hnp.arrays(float, (k, n), elements=eighths))


class TestLira:
    def test_two_references_by_hand(self):
        # Means 1, 1, 7; deviations (n - 1) sqrt 2, 0, sqrt 8; pooled sqrt((2 + 0 + 8) / 3), of which a tenth is the
        # floor.
        references = np.array([[0.0, 1.0, 5.0], [2.0, 1.0, 9.0]])
        found = lira_offline(np.array([3.0, 2.0, 6.0]), references)
        assert found == pytest.approx([2 / math.sqrt(2), 1 / (0.1 * math.sqrt(10 / 3)), -1 / math.sqrt(8)])

    def test_the_stated_floor_is_the_one_used(self):
        assert membership.VARIANCE_FLOOR == 0.1

    def test_references_that_agree_on_every_row_give_finite_scores(self):
        assert lira_offline(np.array([1.0, -2.0]), np.zeros((4, 2))).tolist() == [1.0, -2.0]

    @quick
    @given(populations())
    def test_scores_are_finite_whatever_the_spread(self, population):
        assert np.isfinite(lira_offline(*population)).all()

    @quick
    @given(populations(), st.integers(-40, 40), st.data())
    def test_shifting_all_scores_of_a_row_changes_nothing(self, population, shift, data):
        scores, references = population
        row = data.draw(st.integers(0, len(scores) - 1))
        moved, moved_references = scores.copy(), references.copy()
        moved[row] += shift
        moved_references[:, row] += shift
        np.testing.assert_allclose(lira_offline(moved, moved_references), lira_offline(scores, references), atol=1e-5)

    @quick
    @given(populations(), st.randoms())
    def test_the_order_of_references_does_not_matter(self, population, rng):
        scores, references = population
        order = list(range(len(references)))
        rng.shuffle(order)
        np.testing.assert_allclose(lira_offline(scores, references[order]), lira_offline(scores, references), atol=1e-6)

    def test_references_that_agree_up_to_rounding_do_not_explode(self):
        assert np.abs(lira_offline(np.array([0.2, 0.3]), np.full((3, 2), 0.1))).max() < 100

    def test_it_finds_what_one_mean_over_all_rows_cannot(self):
        # Rows differ widely in difficulty; the model adds 2 to each forget row. Per-row Gaussians see it: a shift of
        # two deviations is an AUC of Phi(2 / sqrt 2) = 0.92, a little less for estimated Gaussians. The raw score does
        # not.
        rng = np.random.RandomState(0)
        difficulty = 30 * rng.standard_normal(400)
        references = difficulty + rng.standard_normal((16, 400))
        model = difficulty + rng.standard_normal(400)
        model[:200] += 2
        scores = lira_offline(model, references)
        assert auc(scores[:200], scores[200:]) > 0.85
        assert abs(auc(model[:200], model[200:]) - 0.5) < 0.1

    @pytest.mark.parametrize(
        "references", [np.zeros((1, 3)), np.zeros(3), np.zeros((2, 4)), np.zeros((2, 3, 1))]
    )  # fmt: skip
    def test_shapes(self, references):
        with pytest.raises(ValueError, match=r"reference_scores must be \[k >= 2, 3\], got"):
            lira_offline(np.zeros(3), references)

    def test_not_finite(self):
        with pytest.raises(ValueError, match="scores holds NaN"):
            lira_offline(np.array([np.nan]), np.zeros((2, 1)))
        with pytest.raises(ValueError, match="reference_scores holds NaN"):
            lira_offline(np.zeros(1), np.array([[0.0], [np.inf]]))


@st.composite
def ratios(draw):
    """Probabilities of rows and of a population, under a model and under references."""
    k, n, z = draw(st.integers(1, 4)), draw(st.integers(1, 6)), draw(st.integers(1, 6))
    hundredths = st.integers(1, 100).map(lambda value: value / 100)
    return [draw(hnp.arrays(float, shape, elements=hundredths)) for shape in (n, (k, n), z, (k, z))]


class TestRmia:
    def test_by_hand(self):
        # m of the rows: means 0.4, 0.2; of the population: 0.25, 0.8. Ratios 2, 1; 1.6, 0.5. 2 > 2 * 0.5 is not, with
        # gamma 1.5 it is; 2 > 1.5 * 1.6 is not. 1 beats 0.75 as well.
        arguments = (
            np.array([0.8, 0.2]),
            np.array([[0.3, 0.1], [0.5, 0.3]]),
            np.array([0.4, 0.4]),
            np.array([[0.2, 0.7], [0.3, 0.9]]),
        )
        assert rmia(*arguments, gamma=1.5).tolist() == [0.5, 0.5]
        assert rmia(*arguments, gamma=1.0).tolist() == [1.0, 0.5]
        assert rmia(*arguments).tolist() == [0.5, 0.0]

    def test_a_by_hand(self):
        # a = 0: m = mean / 2 + 1/2, here 0.6 and 0.7. Ratios 0.9 / 0.6 = 1.5 and 0.7 / 0.7 = 1
        arguments = np.array([0.9]), np.array([[0.2]]), np.array([0.7]), np.array([[0.4]])
        assert rmia(*arguments, a=0.0, gamma=1.49).tolist() == [1.0]
        assert rmia(*arguments, a=0.0, gamma=1.51).tolist() == [0.0]
        # a = 1: 4.5 and 1.75
        assert rmia(*arguments, a=1.0, gamma=2.57).tolist() == [1.0]

    def test_a_tie_beats_nothing(self):
        assert rmia(np.ones(1), np.ones((1, 1)), np.ones(3), np.ones((1, 3)), gamma=1.0).tolist() == [0.0]

    def test_a_population_row_of_probability_0_is_beaten_by_any_other(self):
        assert rmia(np.array([0.1, 0.0]), np.full((1, 2), 0.5), np.zeros(4), np.full((1, 4), 0.5)).tolist() == [
            1.0,
            0.0,
        ]

    @quick
    @given(ratios(), st.floats(0, 1), st.floats(0.1, 5))
    def test_it_is_the_share_of_pairs(self, drawn, a, gamma):
        own, references, population, reference_population = drawn
        m, z = ((1 + a) / 2 * r.mean(0) + (1 - a) / 2 for r in (references, reference_population))
        expected = [np.mean([x > gamma * y for y in population / z]) for x in own / m]
        assert rmia(*drawn, a=a, gamma=gamma).tolist() == pytest.approx(expected)

    @quick
    @given(ratios(), st.floats(0.1, 5), st.floats(0.1, 5), st.randoms())
    def test_bounds_and_invariances(self, drawn, one, other, rng):
        low, high = sorted((one, other))
        assert (rmia(*drawn, gamma=high) <= rmia(*drawn, gamma=low)).all()
        assert ((rmia(*drawn, gamma=low) >= 0) & (rmia(*drawn, gamma=low) <= 1)).all()
        order = list(range(len(drawn[2])))
        rng.shuffle(order)
        moved = [drawn[0], drawn[1], drawn[2][order], drawn[3][:, order]]
        assert rmia(*moved, gamma=low).tolist() == rmia(*drawn, gamma=low).tolist()

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({0: np.zeros(0)}, "probabilities must be a non-empty"),
            ({1: np.zeros((0, 2))}, r"reference_probabilities must be \[k >= 1, 2\]"),
            ({1: np.full((2, 3), 0.5)}, r"reference_probabilities must be \[k >= 1, 2\]"),
            ({3: np.full(3, 0.5)}, r"reference_population must be \[k >= 1, 3\]"),
            ({0: np.array([0.5, 1.5])}, "must be probabilities, in "),
            ({2: np.array([0.5, np.nan, 0.5])}, "population holds NaN"),
            ({1: np.zeros((2, 2))}, "every reference gives a row of probabilities probability 0"),
        ],
    )
    def test_refusals(self, change, message):
        arguments = [np.full(2, 0.5), np.full((2, 2), 0.5), np.full(3, 0.5), np.full((2, 3), 0.5)]
        for place, value in change.items():
            arguments[place] = value
        with pytest.raises(ValueError, match=message):
            rmia(*arguments)

    @pytest.mark.parametrize("options", [{"a": -0.1}, {"a": 1.1}, {"gamma": 0.0}, {"gamma": np.nan}])
    def test_bad_options(self, options):
        with pytest.raises(ValueError, match="must be finite and lie in"):
            rmia(np.ones(1), np.ones((1, 1)), np.ones(1), np.ones((1, 1)), **options)


def test_every_attack_is_found_here():
    assert set(membership.__all__) >= {
        "epsilon_lower_bound",
        "min_k",
        "min_k_plus_plus",
        "svc_attack",
        "entropy_attack",
    }
    assert all(callable(getattr(membership, name)) for name in membership.__all__)
