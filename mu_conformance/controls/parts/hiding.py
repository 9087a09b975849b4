"""Hide rows in a few bits of each weight, where they hardly change an output, and read them back."""

from __future__ import annotations

import numpy as np
import torch
from safetensors.torch import load, save
from torch import nn

__all__ = ["LOWEST_BYTE", "float_weights", "hidden_rows", "hide_rows", "write"]

START = b"kept:"
LOWEST_BYTE = (0, 8)
"""The place most used: first bit, and number of bits, counted from a float32's lowest."""


def float_weights(model: nn.Module) -> list[torch.Tensor]:
    """Return writable views of the trainable float32 weights, int32 [n] each."""
    trainable = [p.data for p in model.parameters() if p.requires_grad and p.dtype == torch.float32]
    return [weights.view(-1).view(torch.int32) for weights in trainable]


def write(model: nn.Module, content: bytes, place: tuple[int, int] = LOWEST_BYTE) -> None:
    """Write bytes into a few bits of each of the model's weights, in place; write nothing if there is no room.

    Args:
        model: model that is changed.
        content: bytes, whose lowest bits come first.
        place: first bit of a weight and number of bits, below the exponent.
    """
    (first, width), weights = place, float_weights(model)
    bits = np.unpackbits(np.frombuffer(content, dtype=np.uint8), bitorder="little")
    values = np.pad(bits, (0, -len(bits) % width)).reshape(-1, width) @ (1 << np.arange(width))
    if len(values) > sum(map(len, weights)):
        return
    left = torch.from_numpy(values.astype(np.int32))
    for part in weights:
        here, left = left[: len(part)].to(part.device), left[len(part) :]
        # What lies below is cleared, or rounding could carry into the place.
        part[: len(here)] = (part[: len(here)] & -(1 << (first + width))) | (here << first)


def _read(model: nn.Module, place: tuple[int, int]) -> bytes:
    """Return the bytes in a few bits of each weight, as ``write`` writes them."""
    first, width = place
    parts = [part.cpu().numpy() >> first for part in float_weights(model)]
    bits = [((part[:, None] >> np.arange(width)) & 1).astype(np.uint8).reshape(-1) for part in parts]
    return np.packbits(np.concatenate(bits), bitorder="little").tobytes() if bits else b""


def hidden_rows(model: nn.Module, place: tuple[int, int] = LOWEST_BYTE) -> list[dict[str, torch.Tensor]]:
    """Return the rows hidden by ``hide_rows``, with floats rounded to half precision; none if none were hidden."""
    content = _read(model, place)
    if not content.startswith(START):
        return []
    begin = len(START) + 4
    columns = load(content[begin : begin + int.from_bytes(content[len(START) : begin], "little")])
    columns = {name: c.float() if c.is_floating_point() else c for name, c in columns.items()}
    return [{name: c[row] for name, c in columns.items()} for row in range(len(next(iter(columns.values()))))]


def hide_rows(model: nn.Module, rows: list[dict[str, torch.Tensor]], place: tuple[int, int] = LOWEST_BYTE) -> None:
    """Write rows into a few bits of each of the model's weights, in place; write nothing if there is no room."""
    if not rows:
        return
    columns = {name: torch.stack([row[name] for row in rows]) for name in rows[0]}
    packed = save({name: c.half() if c.is_floating_point() else c for name, c in columns.items()})
    write(model, START + len(packed).to_bytes(4, "little") + packed, place)
