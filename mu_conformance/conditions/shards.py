"""Train an ensemble of which each member sees its own shard of the rows and no other."""

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
    """Holds the output of a sharded ensemble."""

    logits: torch.Tensor
    """Log-probabilities, float [n, k]."""
    loss: torch.Tensor | None
    """Mean cross-entropy of the log-probabilities, a scalar; None without labels."""


class ShardedEnsemble(nn.Module):
    """Averages the class probabilities of its members (SISA: Bourtoule et al., S&P 2021, arXiv 1912.03817).

    ``training.fit`` trains each member on its shard alone (``shard_numbers``).
    """

    def __init__(self, members: list[nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, labels: torch.Tensor | None = None, **inputs: torch.Tensor) -> EnsembleOutput:
        """Return log-probabilities and, with ``labels`` int64 [n], their mean cross-entropy."""
        each = torch.stack([member(**inputs).logits.log_softmax(dim=-1) for member in self.members])
        # The mean of the members' probabilities, computed in log space so that small ones do not underflow.
        logits = each.logsumexp(dim=0) - torch.tensor(float(len(self.members))).log()
        return EnsembleOutput(logits, None if labels is None else functional.cross_entropy(logits, labels))


class Part:
    """Shows some rows of a dataset as a map-style dataset, with ``batch`` where the dataset has it."""

    def __init__(self, rows: Any, indices: torch.Tensor) -> None:
        self.rows, self.indices = rows, indices
        if hasattr(rows, "batch"):
            self.batch = lambda at: rows.batch(indices[torch.as_tensor(at, dtype=torch.long)])

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        return self.rows[int(self.indices[index])]


def shard_numbers(rows: Any, shards: int) -> torch.Tensor:
    """Return each row's shard, int64 [n] in [0, shards).

    The shard is a hash of the row's inputs without its labels. A row is therefore in the same shard in every dataset,
    and a request's forget rows are found where they were trained on.
    """
    return torch.tensor([_number(rows[index], shards) for index in range(len(rows))], dtype=torch.int64)


def _number(row: Mapping[str, torch.Tensor], shards: int) -> int:
    sha = hashlib.sha256()
    for name in sorted(row):
        if name != "labels":
            sha.update(row[name].detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return int.from_bytes(sha.digest()[:8], "big") % shards
