"""Claim one thing when described, and another when called."""

from __future__ import annotations

from pathlib import Path

from mu_conformance.methods.retrain import Retrain
from mu_conformance.protocol.claims import Claims

__all__ = ["ClaimsTwoWays"]


class ClaimsTwoWays(Retrain):
    """Retrains exactly, and says that it reads no labels until there are rows to read."""

    caught_by = "contract.declared-access"

    @property
    def claims(self) -> Claims:  # type: ignore[override]
        called = (Path.cwd().parent / "forget.safetensors").exists()
        return Claims(max_ratio=1.0, reads_labels=called)
