"""Sharded training: an ensemble whose members have each seen their own part of the rows and no other."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from torch.nn import functional

__all__ = ["Part", "ShardedEnsemble", "shard_numbers"]


@dataclasses.dataclass
class EnsembleOutput:
    """``logits`` [n, k] are log-probabilities; ``loss`` is their mean cross-entropy, where there are labels."""

    logits: torch.Tensor
    loss: torch.Tensor | None


class ShardedEnsemble(nn.Module):
    """Class probabilities are the mean of the members' (Bourtoule et al., S&P 2021, arXiv 1912.03817: isolated members,
    aggregated answers). ``training.fit`` trains each member on its shard (``shard_numbers``)."""

    def __init__(self, members: list[nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, labels: torch.Tensor | None = None, **inputs: torch.Tensor) -> EnsembleOutput:
        each = torch.stack([member(**inputs).logits.log_softmax(dim=-1) for member in self.members])
        logits = each.logsumexp(dim=0) - torch.tensor(float(len(self.members))).log()
        return EnsembleOutput(logits, None if labels is None else functional.cross_entropy(logits, labels))


class Part:
    """Some rows of a dataset: map-style, and with ``batch`` where the dataset has it."""

    def __init__(self, rows: Any, indices: torch.Tensor) -> None:
        self.rows, self.indices = rows, indices
        if hasattr(rows, "batch"):
            self.batch = lambda at: rows.batch(indices[torch.as_tensor(at, dtype=torch.long)])

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        return self.rows[int(self.indices[index])]


def shard_numbers(rows: Any, shards: int) -> torch.Tensor:
    """Each row's shard, int64 [n] in [0, shards).

    By the row's inputs, its labels aside: so a row is in the same shard whatever else is in the data set, and a
    request's forget rows are found where they were.
    """
    return torch.tensor([_number(rows[index], shards) for index in range(len(rows))], dtype=torch.int64)


def _number(row: Mapping[str, torch.Tensor], shards: int) -> int:
    sha = hashlib.sha256()
    for name in sorted(row):
        if name != "labels":
            sha.update(row[name].detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return int.from_bytes(sha.digest()[:8], "big") % shards
