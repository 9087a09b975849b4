"""Forget rows and the original in returned weights: what is found, and what is not taken for them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mu_conformance.evidence.rounding import rounded
from mu_conformance.isolation.weight_residue import _packed, _streams, _Windows, find_in_weights
from mu_conformance.tasks import Rows

IMAGES = Rows(
    {
        "pixel_values": torch.randn(12, 1, 8, 8, generator=torch.Generator().manual_seed(0)),
        "labels": torch.arange(12) % 10,
    }
)
# Token ids with padding at the end.
TOKENS = Rows(
    {
        "input_ids": torch.randint(2, 2000, (12, 24), generator=torch.Generator().manual_seed(1))
        * (torch.arange(24) < 17),
        "labels": torch.arange(12) % 2,
    }
)
NONE = IMAGES.select([])
IN_PLACE = ["the lower halves of the returned weights hold the original's upper halves"]
REORDERED = ["the lower halves of the returned weights hold the original's upper halves in another order"]


def weights(seed: int = 9) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {
        "weight": torch.randn(64, 240, generator=generator) / 8,
        "bias": torch.randn(600, generator=generator) / 30,
        "half": torch.randn(7, generator=generator).half(),
        "steps": torch.arange(64),
        "none": torch.zeros(0),
    }


def pattern(tensor: torch.Tensor) -> np.ndarray:
    return tensor.contiguous().numpy().view(np.uint32).reshape(-1).astype(np.int64)


def doctored(made: dict[str, torch.Tensor], change) -> dict[str, torch.Tensor]:
    """The same weights, each float32 tensor's bits, int64 [n], changed by ``change(bits, name)``."""
    return {
        name: torch.from_numpy(change(pattern(t), name).astype(np.uint32).view(np.float32).reshape(t.shape))
        if t.dtype == torch.float32 and t.numel()
        else t
        for name, t in made.items()
    }


def as_bytes(rows: Rows, kind: type) -> bytes:
    return next(iter(rows.columns.values())).numpy().astype(kind).tobytes()


def hidden(made: dict[str, torch.Tensor], content: bytes, low: int, high: int, start: int) -> dict[str, torch.Tensor]:
    """Content in the bytes from ``low`` to ``high`` of the large tensor's numbers, from the byte ``start`` on."""
    places = made["weight"].clone().view(-1).view(torch.uint8).view(-1, 4)
    stream = places[:, low:high].reshape(-1)
    stream[start : start + len(content)] = torch.frombuffer(bytearray(content), dtype=torch.uint8)
    places[:, low:high] = stream.view(-1, high - low)
    return {**made, "weight": places.view(-1).view(torch.float32).view(64, 240)}


class TestRows:
    @pytest.mark.parametrize(("low", "high"), [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3), (0, 4)])
    @pytest.mark.parametrize(
        ("rows", "kind"), [(IMAGES, np.float16), (IMAGES, np.float32), (TOKENS, np.int16), (TOKENS, np.int64)]
    )
    def test_every_single_row_is_found_in_any_range_of_bytes_at_odd_places(self, rows, kind, low, high):
        for row in range(0, 12, 5):
            made = hidden(weights(), as_bytes(rows.select([row]), kind), low, high, 101)
            (line,) = find_in_weights(made, rows, weights(3))
            assert line.endswith("hold 1 of the 12 rows of the forget set")

    def test_the_line_says_where_and_how_many(self):
        content = as_bytes(IMAGES.select(range(6, 12)), np.float16)
        (line,) = find_in_weights(hidden(weights(), content, 0, 2, 100), IMAGES, weights())
        assert line == "the lowest 2 bytes of the returned weights hold 6 of the 12 rows of the forget set"
        (line,) = find_in_weights(hidden(weights(), content, 1, 2, 100), IMAGES, weights())
        assert line == (
            "bytes 2 to 2, the lowest first, of the returned weights hold 6 of the 12 rows of the forget set"
        )
        (line,) = find_in_weights(hidden(weights(), content, 0, 4, 100), IMAGES, weights())
        assert line == "the returned weights hold 6 of the 12 rows of the forget set"

    @pytest.mark.parametrize(("first", "width"), [(0, 1), (5, 1), (2, 2), (14, 2), (0, 4), (12, 4)])
    @pytest.mark.parametrize("order", ["little", "big"])
    def test_rows_put_in_bit_by_bit_are_found(self, first, width, order):
        bits = np.unpackbits(np.frombuffer(as_bytes(IMAGES.select([7]), np.float16), np.uint8), bitorder=order)
        parts = bits.reshape(-1, width)[:, :: 1 if order == "little" else -1] @ (1 << np.arange(width))

        def change(found: np.ndarray, name: str) -> np.ndarray:
            if name == "weight":
                mask = ((1 << width) - 1) << first
                found[33 : 33 + len(parts)] = (found[33 : 33 + len(parts)] & ~mask) | (parts << first)
            return found

        (line,) = find_in_weights(doctored(weights(), change), IMAGES, weights(3))
        assert line.startswith(f"bits {first + 1} to {first + width}")

    def test_what_the_original_has_was_not_put_there_by_the_method(self):
        made = {**weights(), "weight": weights()["weight"].clone()}
        made["weight"][3, :64] = IMAGES.columns["pixel_values"][11].flatten()
        assert find_in_weights(made, IMAGES, made) == []
        assert len(find_in_weights(made, IMAGES, weights())) == 1

    @pytest.mark.parametrize("rows", [IMAGES, TOKENS, NONE], ids=["floats", "integers", "none"])
    def test_other_weights_hold_none(self, rows):
        assert find_in_weights(weights(1), rows, weights()) == []
        assert find_in_weights({}, rows, weights()) == []

    def test_rows_of_one_value_are_not_looked_for(self):
        plain = Rows({"x": torch.zeros(5, 20), "labels": torch.arange(5)})
        assert find_in_weights({"bias": torch.zeros(99)}, plain, {"bias": torch.ones(99)}) == []

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.binary(min_size=40, max_size=200), st.lists(st.binary(min_size=16, max_size=20), min_size=1, max_size=5))
    def test_windows_are_found_where_python_finds_them(self, content, texts):
        texts = [*texts, content[11:27], content[-16:]]
        expected = {number for number, text in enumerate(texts) if text in content}
        assert _Windows(texts).found_in(np.frombuffer(content, np.uint8)) == expected

    def test_streams_of_two_numbers(self):
        array = np.array([[1, 2, 3, 4], [5, 6, 7, 8]], dtype=np.uint8)
        found = {where: stream.tolist() for where, stream in _streams([array]) if "bits" not in where}
        assert found["the returned weights"] == [1, 2, 3, 4, 5, 6, 7, 8]
        assert found["the lowest 1 bytes of the returned weights"] == [1, 5]
        assert found["bytes 2 to 3, the lowest first, of the returned weights"] == [2, 3, 6, 7]
        assert len(found) == 10

    def test_bits_put_together(self):
        # The lowest bits of eight numbers, 1 0 1 1 0 0 0 0, are 13 with the first one lowest and 176 with it highest.
        numbers = np.array([1, 0, 1, 1, 0, 0, 0, 0], dtype=np.uint32)
        found = [stream.tolist() for where, stream in _packed(numbers) if where.startswith("bits 1 to 1,")]
        assert [13] in found
        assert [176] in found


CODES = {
    "bfloat16": lambda old: old >> 16,
    "the highest byte": lambda old: old >> 24,
    "the second byte": lambda old: (old >> 16) & 0xFF,
    "bytes swapped": lambda old: (old >> 24) | ((old >> 8) & 0xFF00),
    "moved by one number": lambda old: np.roll(old >> 16, 1),
    "under a constant": lambda old: (old >> 16) ^ 0xA5A5,
    "the sign in the lowest bit kept by rounding": lambda old: (old >> 31) << 13,
    "float16": lambda old: old.astype(np.uint32).view(np.float32).astype(np.float16).view(np.uint16).astype(np.int64),
}
ORDERS = {
    "sorted": np.argsort,
    "reversed": lambda old: np.arange(len(old))[::-1],
    "shuffled": lambda old: np.random.RandomState(0).permutation(len(old)),
}


class TestOriginal:
    @pytest.mark.parametrize("code", CODES)
    def test_its_bits_in_place(self, code):
        original, made = weights(1), weights(2)
        found = doctored(made, lambda bits, name: (bits & ~0xFFFF) | CODES[code](pattern(original[name])))
        assert find_in_weights(found, NONE, original) == IN_PLACE

    @pytest.mark.parametrize("order", ORDERS)
    @pytest.mark.parametrize("code", ["bfloat16", "float16", "the highest byte"])
    def test_its_bits_in_another_order(self, code, order):
        original, made = weights(1), weights(2)

        def change(bits: np.ndarray, name: str) -> np.ndarray:
            old = pattern(original[name])
            return (bits & ~0xFFFF) | CODES[code](old[ORDERS[order](old)])

        assert find_in_weights(doctored(made, change), NONE, original) == REORDERED

    def test_in_a_third_of_the_weights(self):
        original, made, chosen = weights(1), weights(2), np.random.RandomState(0)

        def change(bits: np.ndarray, name: str) -> np.ndarray:
            smuggled = (bits & ~0xFFFF) | (pattern(original[name]) >> 16)
            return np.where(chosen.rand(len(bits)) < 1 / 3, smuggled, bits)

        assert find_in_weights(doctored(made, change), NONE, original) == IN_PLACE

    @pytest.mark.parametrize(
        "change",
        [
            lambda old: old,
            lambda old: old.bfloat16().float(),
            lambda old: old.half().float(),
            lambda old: rounded({"": old})[""],
            lambda old: (old / old.abs().max() * 127).round() * old.abs().max() / 127,
            lambda old: (old * 2**20).round() / 2**20,
            lambda old: old * (old.abs() > old.abs().median()),
            lambda old: old / 2,
            lambda old: old * 0.999,
            lambda old: -old,
            lambda old: old + 1e-7 * torch.randn(old.shape, generator=torch.Generator().manual_seed(5)),
            lambda old: old + 1e-3 * torch.randn(old.shape, generator=torch.Generator().manual_seed(5)),
            lambda old: old + 0.01,
            lambda old: old.flip(0),
            lambda old: torch.ones_like(old),
        ],
    )
    def test_what_is_made_of_the_original_openly_is_not_taken_for_it(self, change):
        original = weights(1)
        made = {n: change(t) if t.dtype == torch.float32 and t.numel() else t for n, t in original.items()}
        assert find_in_weights(made, NONE, original) == []

    def test_numbers_of_few_bits_made_of_a_pruned_original_are_not_taken_for_it(self):
        # Half of the original's bytes are zero, and so are the lower bytes of what few bits hold.
        original = {
            n: t * (t.abs() > t.abs().median()) if t.dtype == torch.float32 and t.numel() else t
            for n, t in weights(1).items()
        }
        for kind in (torch.bfloat16, torch.float16):
            made = {n: t.to(kind).float() if t.dtype == torch.float32 else t for n, t in weights(2).items()}
            assert find_in_weights(made, NONE, original) == []

    @settings(max_examples=30, deadline=None)
    @given(st.integers(0, 2**31), st.integers(0, 2**31), st.floats(0, 1))
    def test_independent_weights_and_mixtures_hold_none(self, one, other, share):
        original, made = weights(one), weights(other)
        mixed = {n: share * t + (1 - share) * original[n] if n in ("weight", "bias") else t for n, t in made.items()}
        assert find_in_weights(made, NONE, original) == []
        assert find_in_weights(mixed, NONE, original) == []
