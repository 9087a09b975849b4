"""How fast a model learns again."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mu_conformance.measures.relearning import anamnesis_index, relearn_time

quick = settings(deadline=None, max_examples=60, database=None)
times = st.floats(0, 1000)


class TestRelearnTime:
    def test_by_hand(self):
        scores = np.array([0.2, 0.5, 0.4, 0.9])
        assert [relearn_time(scores, target) for target in (0.1, 0.2, 0.45, 0.6, 0.9)] == [0, 0, 1, 3, 3]

    def test_never_is_no_number(self):
        with pytest.raises(ValueError, match=r"no score reaches 0\.9 in 1 steps: need more of them"):
            relearn_time(np.array([0.2, 0.5]), 0.9)

    def test_refusals(self):
        with pytest.raises(ValueError, match="scores holds NaN"):
            relearn_time(np.array([np.nan]), 0.5)
        with pytest.raises(ValueError, match="target must be finite"):
            relearn_time(np.zeros(1), np.nan)


class TestAnamnesisIndex:
    def test_by_hand(self):
        assert anamnesis_index(4, 8) == pytest.approx(4.01 / 8.01)
        # a model that remembers at once, and a reference that has nothing to relearn
        assert anamnesis_index(0, 1) == pytest.approx(0.01 / 1.01)
        assert anamnesis_index(1, 0) == pytest.approx(101)

    @quick
    @given(times, times, times)
    def test_properties(self, time, other, reference):
        assert anamnesis_index(time, time) == 1.0
        assert anamnesis_index(time, other) * anamnesis_index(other, time) == pytest.approx(1)
        low, high = sorted((time, other))
        assert 0 < anamnesis_index(low, reference) <= anamnesis_index(high, reference)

    @pytest.mark.parametrize("bad", [-1, np.nan, np.inf, [1.0]])
    def test_refusals(self, bad):
        with pytest.raises(ValueError, match=r"^time must be"):
            anamnesis_index(bad, 1)
        with pytest.raises(ValueError, match=r"^reference_time must be"):
            anamnesis_index(1, bad)
