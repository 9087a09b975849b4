"""Membership attacks of the literature that fit a classifier."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mu_conformance.measures.membership_classifiers import entropy_attack, svc_attack

quick = settings(deadline=None, max_examples=30, database=None)
ones, zeros = np.ones(4), np.zeros(4)
confidences = hnp.arrays(float, st.integers(2, 12), elements=st.integers(0, 20).map(lambda value: value / 20))


def binary(first):
    """Distributions over two classes."""
    first = np.asarray(first, float)
    return np.stack([first, 1 - first], axis=1)


class TestSvc:
    def test_by_hand(self):
        # Members at 1, others at 0: by symmetry the border is at 0.5. Of five forget rows, two lie above it.
        assert svc_attack(ones, zeros, np.array([0.9, 0.6, 0.4, 0.2, 0.1])) == pytest.approx(3 / 5)

    def test_both_ends(self):
        assert svc_attack(ones, zeros, ones) == 0.0
        assert svc_attack(ones, zeros, zeros) == 1.0

    def test_its_direction_is_learnt(self):
        # The members are the unsure rows: a threshold would say the contrary.
        assert svc_attack(zeros, ones, ones) == 1.0

    def test_golden_the_classifiers_parameters(self):
        # With gamma 1 / d, two equal features give the kernel of one: exp(-(1 / 2) * 2 (x - y)^2) = exp(-(x - y)^2).
        rng = np.random.RandomState(0)
        retain, test, forget = rng.beta(8, 2, 40), rng.beta(2, 2, 40), rng.beta(4, 2, 40)
        twice = [np.stack([x, x], axis=1) for x in (retain, test, forget)]
        assert svc_attack(*twice) == svc_attack(retain, test, forget)

    def test_the_sample_is_balanced(self):
        # 90 retain rows, 10 test rows: the first 10 of each are taken, so the later retain rows change nothing.
        rng = np.random.RandomState(1)
        retain, test, forget = rng.beta(4, 2, 90), rng.beta(2, 2, 10), rng.beta(3, 2, 50)
        changed = np.r_[retain[:10], np.zeros(80)]
        assert svc_attack(retain, test, forget) == svc_attack(changed, test, forget)

    @quick
    @given(confidences, confidences, confidences)
    def test_it_is_a_share_of_forget_rows(self, retain, test, forget):
        if np.ptp(np.r_[retain[: len(test)], test[: len(retain)]]) == 0:
            return
        found = svc_attack(retain, test, forget)
        assert 0 <= found <= 1
        assert found * len(forget) == pytest.approx(round(found * len(forget)))
        assert svc_attack(retain, test, forget[::-1]) == found

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ((np.zeros(0), zeros, ones), "retain must be"),
            ((ones, np.zeros(0), ones), "test must be"),
            ((ones, zeros, np.zeros((3, 2))), r"forget must be \[k >= 1, 1\]"),
            ((ones, zeros, np.array([np.nan])), "forget holds NaN"),
            ((ones, ones, zeros), "all the same: need some that vary"),
        ],
    )
    def test_refusals(self, arguments, message):
        with pytest.raises(ValueError, match=message):
            svc_attack(*arguments)


class TestEntropy:
    def test_by_hand(self):
        # Entropies 0 of members and ln 2 of the others: the border is at ln 2 / 2 = 0.347 by symmetry, where
        # -p ln p - (1 - p) ln(1 - p) = 0.347 at p = 0.890. Two of four forget rows are surer than that.
        for p, side in ((0.88, 1), (0.90, -1)):
            assert math.copysign(1, -p * math.log(p) - (1 - p) * math.log(1 - p) - math.log(2) / 2) == side
        found = entropy_attack(binary(ones), binary(zeros + 0.5), binary([0.99, 0.90, 0.88, 0.6]))
        assert found == 0.5

    def test_it_does_not_see_labels(self):
        # Sure of the wrong class, a row counts as a member all the same.
        assert entropy_attack(binary(ones), binary(zeros + 0.5), binary(zeros)) == 1.0

    def test_classes_of_probability_0_change_nothing(self):
        rng = np.random.RandomState(0)
        sides = [rng.dirichlet(np.full(3, a), 20) for a in (0.2, 2, 0.7)]
        padded = [np.pad(side, ((0, 0), (0, 4))) for side in sides]
        assert entropy_attack(*padded) == entropy_attack(*sides)

    @quick
    @given(confidences, confidences, confidences)
    def test_bounds(self, retain, test, forget):
        retain, test, forget = (binary(side) for side in (retain, test, forget))
        entropies = [-(np.where(s > 0, s * np.log(np.maximum(s, 1e-300)), 0)).sum(1) for s in (retain, test)]
        if np.ptp(np.concatenate(entropies)) < 1e-9:
            return
        assert 0 <= entropy_attack(retain, test, forget) <= 1

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ((binary(ones), binary(ones), np.ones((2, 3)) / 3), r"forget must be \[k >= 1, 2\]"),
            ((binary(ones), np.ones((2, 2)), binary(ones)), "test must be probabilities"),
            ((binary(ones), binary(zeros), binary(ones)), "all the same: need some that vary"),
        ],
    )
    def test_refusals(self, arguments, message):
        with pytest.raises(ValueError, match=message):
            entropy_attack(*arguments)
