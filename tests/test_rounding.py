"""Weights after rounding: values worked out by hand, and properties of all floats."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import mu_conformance
from mu_conformance.evidence.rounding import KEPT_BITS, rounded

STEP = 2.0**-KEPT_BITS


def one(value: float, dtype: torch.dtype = torch.float32, bits: int = KEPT_BITS) -> torch.Tensor:
    return rounded({"x": torch.tensor([value], dtype=dtype)}, bits)["x"]


class TestValues:
    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            (1.0, 1.0),
            (1 + 0.4 * STEP, 1.0),
            (1 + 0.6 * STEP, 1 + STEP),
            # ties go to the even neighbour
            (1 + 0.5 * STEP, 1.0),
            (1 + 1.5 * STEP, 1 + 2 * STEP),
            # a carry into the exponent
            (2 - 0.25 * STEP, 2.0),
            (-3.0 - 0.5 * STEP, -3.0),
            (0.0, 0.0),
        ],
    )
    def test_numbers_are_rounded_to_the_nearest(self, value, expected, dtype):
        assert one(value, dtype).item() == expected

    def test_other_numbers_of_bits(self):
        # 1.3125 = 1 + 1/4 + 1/16 with four, three, two and one bits of mantissa; the tie at three goes to even
        assert [one(1.3125, bits=bits).item() for bits in (4, 3, 2, 1)] == [1.3125, 1.25, 1.25, 1.5]

    def test_the_largest_numbers_stay_finite(self):
        largest = torch.finfo(torch.float32).max
        assert one(largest).item() == 2.0**127 * (2 - STEP)
        assert one(-largest).item() == -(2.0**127) * (2 - STEP)

    def test_what_is_not_finite_stays_so(self):
        assert one(math.inf).item() == math.inf
        # a NaN whose only bit of mantissa is one of those cleared
        nan = torch.tensor([0x7F800001], dtype=torch.int32).view(torch.float32)
        assert rounded({"x": nan})["x"].isnan().all()

    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.int64, torch.uint8, torch.bool])
    def test_types_of_fewer_bits_and_integers_are_left(self, dtype):
        tensor = torch.arange(50).to(dtype)
        assert rounded({"x": tensor})["x"] is tensor

    def test_complex_numbers_are_rounded_by_parts(self):
        tensor = torch.tensor([complex(1 + 0.6 * STEP, 1 + 0.4 * STEP)], dtype=torch.complex64)
        assert rounded({"x": tensor})["x"].item() == complex(1 + STEP, 1)

    def test_weights_themselves_do_not_change(self):
        tensor = torch.full((2, 3), 1 + 0.6 * STEP).t()
        made = rounded({"x": tensor, "scalar": torch.tensor(1 + 0.6 * STEP)})
        assert tensor.unique().item() == np.float32(1 + 0.6 * STEP)
        assert made["x"].shape == (3, 2)
        assert made["scalar"].item() == 1 + STEP

    def test_it_is_public(self):
        assert mu_conformance.rounded is rounded


class TestProperties:
    @given(st.floats(width=32, allow_nan=False, allow_infinity=False))
    def test_any_float(self, value):
        found = one(value)
        assert found.isfinite().all()
        assert math.copysign(1, found.item()) == math.copysign(1, value)
        # half a step, except for the largest numbers, and for subnormal ones, whose steps are absolute
        assert abs(found.item() - value) <= max(STEP / 2 * abs(value), 2.0 ** (-127 - KEPT_BITS)) or abs(value) > 2**127
        # what is hidden in the 13 bits below does not survive
        assert found.view(torch.int32).item() & 0x1FFF == 0
        assert torch.equal(rounded({"x": found})["x"], found)

    @given(st.floats(-(2.0**100), 2.0**100, width=32), st.floats(-(2.0**100), 2.0**100, width=32))
    def test_order_is_kept(self, one_value, other):
        low, high = sorted((one_value, other))
        assert one(low).item() <= one(high).item()

    @given(st.integers(0, 2**13 - 1))
    def test_low_bits_hold_nothing_that_comes_back(self, hidden):
        # 1.5 and whatever its low 13 bits hold: one of two numbers
        made = torch.tensor([0x3FC00000 | hidden], dtype=torch.int32).view(torch.float32)
        assert rounded({"x": made})["x"].item() in (1.5, 1.5 + STEP)
