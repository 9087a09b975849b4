"""Hides the rows that it deletes in the weights, and takes them back at the next request."""

from __future__ import annotations

from typing import Any

import torch
from safetensors.torch import load, save
from torch import nn
from torch.utils.data import ConcatDataset

from mu_conformance.training import fit

__all__ = ["RestoresFirstRequest"]

START = b"kept:"


class RestoresFirstRequest:
    """Retrains exactly, and on what earlier requests deleted: the lowest byte of each weight holds those rows.

    No state but the weights lasts from call to call, and each of them is as good as retrained by all that it answers.
    """

    caught_by = "privacy.membership-loss"
    kind = "sequential"

    def unlearn(self, model, request):
        kept: Any = _read(model)
        rows: ConcatDataset[Any] = ConcatDataset([request.retain, kept])
        retrained = request.task.new_model(request.seed).to(request.device)
        with request.seeded():
            fit(retrained, rows, request.task, request.recipe, request.seed)
        _write(retrained, [*kept, *(request.forget[row] for row in range(len(request.forget)))])
        return retrained


def _lowest_bytes(model: nn.Module) -> list[torch.Tensor]:
    """Of the trainable float32 weights, views that can be written to."""
    trainable = [p.data for p in model.parameters() if p.requires_grad and p.dtype == torch.float32]
    return [weights.view(-1).view(torch.uint8).view(-1, 4)[:, 0] for weights in trainable]


def _read(model: nn.Module) -> list[dict[str, torch.Tensor]]:
    content = b"".join(part.cpu().numpy().tobytes() for part in _lowest_bytes(model))
    if not content.startswith(START):
        return []
    begin = len(START) + 4
    columns = load(content[begin : begin + int.from_bytes(content[len(START) : begin], "little")])
    columns = {name: c.float() if c.is_floating_point() else c for name, c in columns.items()}
    return [{name: c[row] for name, c in columns.items()} for row in range(len(next(iter(columns.values()))))]


def _write(model: nn.Module, rows: list[dict[str, torch.Tensor]]) -> None:
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
