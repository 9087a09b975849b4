"""Find what returned weights hold beside their answers: forget rows, and the original's own bits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch

from mu_conformance.isolation.residue import needles_of
from mu_conformance.tasks import Rows

__all__ = ["find_in_weights"]

SURE = 16
"""Bytes that must agree. Among 2**25 places and 2**14 windows, random bytes agree with chance 2**-89."""
VALUES = 4
"""Fewest numbers of a row in a window; at least three of them must differ, or the window would be found anywhere."""
WINDOWS = 4
"""Windows of each row that are looked for, evenly spaced, so that a part of a row is found too."""
ORIGINAL_WINDOWS = 256
"""Windows of each of the original's byte streams that are looked for."""
FEWEST = 512
"""Fewest different numbers in a tensor whose low bytes are compared with the original's high ones."""
OVERLAP = 0.5
"""Overlap of two histograms of bytes from which on one is taken for the other in another order."""
CORRELATION = 0.25
"""Correlation of a low bit with the original's sign from which on the bit depends on it."""

_Array = np.ndarray
_LOW = ((0, 1), (0, 2), (1, 2))
"""Ranges of bytes with the lower half of a float32's mantissa alone, which training leaves random."""


def find_in_weights(
    weights: Mapping[str, torch.Tensor], forget: Rows, original: Mapping[str, torch.Tensor]
) -> list[str]:
    """Return a line for what ``weights`` hold beside their answers: forget rows, the original.

    Compressed, encrypted and reordered rows are not found, nor bits of the original mixed with a key.

    Args:
        weights: the returned state dict.
        forget: rows to look for.
        original: state dict of the original.
    """
    return _find_rows(weights, forget, original) + _find_original(weights, original)


def _find_rows(weights: Mapping[str, torch.Tensor], forget: Rows, original: Mapping[str, torch.Tensor]) -> list[str]:
    """Return a line if ``weights`` hold forget rows that ``original`` does not hold.

    All rows are looked for, at every byte of every stream (``_streams``).
    """
    rows = [
        (window, row)
        for needle, values, row in (needles_of(forget) if len(forget) else ())
        for window in _row_windows(needle, values)
    ]
    if not rows:
        return []
    windows = _Windows([window for window, _ in rows])
    for where, stream in _streams(_bytes_of(weights)):
        found = windows.found_in(stream)
        if found:
            # A row that the original holds too was not written by the method.
            for _, content in _streams(_bytes_of(original)):
                found -= windows.found_in(content)
        if found:
            count = len({rows[index][1] for index in found})
            return [f"{where} hold {count} of the {len(forget)} rows of the forget set"]
    return []


def _bytes_of(weights: Mapping[str, torch.Tensor]) -> list[_Array]:
    """Return the bytes of each tensor, uint8 [numbers, bytes of one], the lowest first."""
    return [
        tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).reshape(-1, tensor.element_size()).numpy()
        for tensor in weights.values()
        if tensor.numel() and not tensor.is_complex() and tensor.layout == torch.strided
    ]


def _streams(arrays: Sequence[_Array]) -> Iterator[tuple[str, _Array]]:
    """Yield the bytes of all tensors, each range of bytes inside the numbers, and the low bits of float32 packed.

    Each stream, uint8 [n], comes with its name.
    """
    if not arrays:
        return
    yield "the returned weights", np.concatenate([array.reshape(-1) for array in arrays])
    for high in range(1, max(array.shape[1] for array in arrays) + 1):
        for low in range(high):
            # A whole number is no part of one.
            parts = [array[:, low:high] for array in arrays if array.shape[1] > high - low and array.shape[1] >= high]
            if parts:
                where = f"the lowest {high} bytes" if low == 0 else f"bytes {low + 1} to {high}, the lowest first,"
                yield f"{where} of the returned weights", np.concatenate([part.reshape(-1) for part in parts])
    wide = [array for array in arrays if array.shape[1] == 4]
    if wide:
        yield from _packed(np.concatenate(wide).view(np.uint32).reshape(-1))


def _packed(numbers: _Array) -> Iterator[tuple[str, _Array]]:
    """Yield bytes put together of a few bits of each number, uint32 [n]: 1, 2 or 4 of the lowest 16, at any place."""
    for width in (1, 2, 4):
        for first in range(0, 16, width):
            where = f"bits {first + 1} to {first + width}, the lowest first, of the returned weights"
            bits = np.stack([((numbers >> (first + bit)) & 1).astype(np.uint8) for bit in range(width)], axis=1)
            for order in ("little", "big"):
                flat = (bits if order == "little" else bits[:, ::-1]).reshape(-1)
                for skipped in range(0, 8, width):
                    yield where, np.packbits(flat[skipped:], bitorder=order)  # type: ignore[call-overload]


def _row_windows(needle: bytes, values: _Array) -> Iterator[bytes]:
    """Yield windows of a row's bytes that cannot occur by accident."""
    size = len(needle) // len(values)
    length = max(SURE // size, VALUES)
    starts = np.arange(len(values) - length + 1)
    if not len(starts):
        return
    # Sorted windows: the number of steps is that of different values, less one.
    inside = np.sort(np.lib.stride_tricks.sliding_window_view(values, length), axis=1)
    telling = starts[(np.diff(inside, axis=1) != 0).sum(axis=1) >= 2]
    for start in telling[np.unique(np.linspace(0, len(telling) - 1, WINDOWS).astype(int))] if len(telling) else ():
        yield needle[start * size : (start + length) * size]


class _Windows:
    """Looks for many short texts of ``SURE`` bytes or more in long streams at once, at every byte."""

    def __init__(self, texts: Sequence[bytes]) -> None:
        self.texts = texts
        # Eight bytes of each text are looked up. Those that differ most stand in the fewest places.
        self.begins = [max((0, 4, 8), key=lambda begin: len(set(text[begin : begin + 8]))) for text in texts]
        looked_up = b"".join(text[begin : begin + 8] for text, begin in zip(texts, self.begins, strict=True))
        keys = np.frombuffer(looked_up, dtype=np.uint64)
        self.order = np.argsort(keys, kind="stable")
        self.keys = keys[self.order]
        # Most places are ruled out by their first two bytes.
        self.likely = np.zeros(1 << 16, dtype=bool)
        self.likely[keys & 0xFFFF] = True

    def found_in(self, stream: _Array) -> set[int]:
        """Return the numbers of the texts in a stream, uint8 [n]."""
        if len(stream) < SURE:
            return set()
        pairs = stream[:-7].astype(np.uint16) | (stream[1:-6].astype(np.uint16) << 8)
        places = np.flatnonzero(self.likely[pairs])
        keys = np.lib.stride_tricks.sliding_window_view(stream, 8)[places].copy().view(np.uint64).reshape(-1)
        first = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        hits = self.keys[first] == keys
        places, keys = places[hits], keys[hits]
        found: set[int] = set()
        for key in np.unique(keys):
            at = places[keys == key]
            start, end = np.searchsorted(self.keys, key), np.searchsorted(self.keys, key, side="right")
            for number in map(int, self.order[start:end]):
                text = self.texts[number]
                for place in at - self.begins[number]:
                    if place >= 0 and stream[place : place + len(text)].tobytes() == text:
                        found.add(number)
                        break
        return found


def _find_original(weights: Mapping[str, torch.Tensor], original: Mapping[str, torch.Tensor]) -> list[str]:
    """Return a line if the lower half of each number holds what the upper half holds in ``original``.

    Training leaves the lower halves random, so that nothing but the writing of it puts the original there. Numbers
    that the method left as they were, or set to zero, are not compared.
    """
    pairs = [
        (
            weights[name].detach().cpu().contiguous().reshape(-1).numpy(),
            old.detach().cpu().contiguous().reshape(-1).numpy(),
        )
        for name, old in original.items()
        if name in weights and weights[name].dtype == old.dtype == torch.float32 and weights[name].shape == old.shape
    ]
    if not pairs:
        return []
    if _windows_of_original(pairs) or any(_ordered(new, old) for new, old in _changed(pairs)):
        return ["the lower halves of the returned weights hold the original's upper halves"]
    if any(_reordered(new, old) for new, old in _changed(pairs)):
        return ["the lower halves of the returned weights hold the original's upper halves in another order"]
    return []


def _changed(pairs: Sequence[tuple[_Array, _Array]]) -> Iterator[tuple[_Array, _Array]]:
    """Yield the numbers to be compared, returned and original, uint32 [n]: of all tensors together, then of each."""
    kept = []
    for new, old in pairs:
        bits, before = new.view(np.uint32), old.view(np.uint32)
        # All bits except the sign's.
        told = (bits != before) & (bits << 1 != 0)
        kept.append((bits[told], before[told]))
    for bits, before in ((np.concatenate([a for a, _ in kept]), np.concatenate([b for _, b in kept])), *kept):
        if len(bits) >= FEWEST:
            yield bits, before


def _varied(bits: _Array) -> bool:
    """Return whether there are enough different numbers; quantised weights repeat a few, and prove nothing."""
    return len(np.unique(bits)) >= FEWEST


def _windows_of_original(pairs: Sequence[tuple[_Array, _Array]]) -> bool:
    """Return whether windows of the original's upper halves stand in the lower halves, at any byte.

    The halves are bfloat16 numbers. Numbers of float16, whole numbers and single bytes of them are looked for as well.
    """
    old = np.concatenate([before for _, before in pairs])
    planes = old.view(np.uint8).reshape(-1, 4)
    with np.errstate(over="ignore"):
        halves = old.astype(np.float16).view(np.uint8).reshape(-1, 2)
    nearest = ((old.view(np.uint32).astype(np.uint64) + 0x8000) >> 16).astype(np.uint16).view(np.uint8)
    sources = [planes, planes[:, 2:], planes[:, 2], planes[:, 3], halves, halves[:, 0], halves[:, 1], nearest]
    texts = [text for source in sources for text in _telling(np.ascontiguousarray(source).reshape(-1))]
    if not texts:
        return False
    windows = _Windows(texts)
    new = np.concatenate([after for after, _ in pairs]).view(np.uint8).reshape(-1, 4)
    return any(windows.found_in(np.ascontiguousarray(new[:, low:high]).reshape(-1)) for low, high in _LOW)


def _telling(stream: _Array) -> list[bytes]:
    """Return evenly spaced windows of a stream that have four different bytes or more."""
    starts = np.unique(np.linspace(0, max(0, len(stream) - SURE), ORIGINAL_WINDOWS).astype(int))
    texts = [stream[start : start + SURE].tobytes() for start in starts]
    return [text for text in texts if len(text) == SURE and len(set(text)) >= 4]


def _ordered(new: _Array, old: _Array) -> bool:
    """Return whether a bit of the lower halves depends on the sign of the same number in the original.

    A number written in any plain code has a bit for its sign. Bits that training leaves are independent of it: their
    correlation exceeds nine standard errors with a chance below 1e-17 for each bit.
    """
    sign = (old >> 31).astype(np.float64)
    least = max(CORRELATION, 9.0 / np.sqrt(len(new)))
    if sign.std() < 0.1:
        return False
    for bit in range(16):
        values = ((new >> bit) & 1).astype(np.float64)
        if values.std() > 0 and abs(np.corrcoef(values, sign)[0, 1]) > least:
            return _varied(new)
    return False


def _reordered(new: _Array, old: _Array) -> bool:
    """Return whether a byte of the lower halves is distributed as the original's highest byte or float16's.

    These bytes take few values, and the bytes of the lower halves all 256 alike. Among ``FEWEST`` bytes or more, the
    overlap of random ones with 64 values exceeds ``OVERLAP`` with a chance below 1e-15. Zeros say nothing: the lower
    half of a number with few bits of mantissa is empty.
    """
    told = (new & 0xFFFF != 0) & (old << 1 != 0)
    new, old = new[told], old[told]
    if len(new) < FEWEST:
        return False
    with np.errstate(over="ignore"):
        halves = (old.view(np.float32).astype(np.float16).view(np.uint16) >> 8).astype(np.uint8)
    for source in ((old >> 24).astype(np.uint8), halves):
        wanted = np.bincount(source, minlength=256) / len(source)
        if (wanted > 0).sum() < 4 or np.sort(wanted)[-64:].sum() < 0.95:
            continue
        for shift in (0, 8):
            shares = np.bincount(((new >> shift) & 0xFF).astype(np.uint8), minlength=256) / len(new)
            if np.minimum(shares, wanted)[1:].sum() > OVERLAP and _varied(new):
                return True
    return False
