"""Hide rows in the lowest byte of each weight, where they change no output, and read them back."""

from __future__ import annotations

import torch
from safetensors.torch import load, save
from torch import nn

__all__ = ["hidden_rows", "hide_rows"]

START = b"kept:"


def _lowest_bytes(model: nn.Module) -> list[torch.Tensor]:
    """Return writable views of the lowest bytes of the trainable float32 weights."""
    trainable = [p.data for p in model.parameters() if p.requires_grad and p.dtype == torch.float32]
    return [weights.view(-1).view(torch.uint8).view(-1, 4)[:, 0] for weights in trainable]


def hidden_rows(model: nn.Module) -> list[dict[str, torch.Tensor]]:
    """Return the rows hidden by ``hide_rows``, with floats rounded to half precision; none if none were hidden."""
    content = b"".join(part.cpu().numpy().tobytes() for part in _lowest_bytes(model))
    if not content.startswith(START):
        return []
    begin = len(START) + 4
    columns = load(content[begin : begin + int.from_bytes(content[len(START) : begin], "little")])
    columns = {name: c.float() if c.is_floating_point() else c for name, c in columns.items()}
    return [{name: c[row] for name, c in columns.items()} for row in range(len(next(iter(columns.values()))))]


def hide_rows(model: nn.Module, rows: list[dict[str, torch.Tensor]]) -> None:
    """Write rows into the lowest byte of the model's weights, in place; write nothing if there is no room."""
    if not rows:
        return
    columns = {name: torch.stack([row[name] for row in rows]) for name in rows[0]}
    packed = save({name: c.half() if c.is_floating_point() else c for name, c in columns.items()})
    content = torch.frombuffer(bytearray(START + len(packed).to_bytes(4, "little") + packed), dtype=torch.uint8)
    room = _lowest_bytes(model)
    if len(content) <= sum(map(len, room)):
        for part in room:
            here, content = content[: len(part)], content[len(part) :]
            part[: len(here)] = here.to(part.device)
