"""Claim one thing when described, and another when called."""

from __future__ import annotations

import sys

from mu_conformance.methods.retrain import Retrain
from mu_conformance.protocol.claims import Claims

__all__ = ["ClaimsTwoWays"]


class ClaimsTwoWays(Retrain):
    """Retrains exactly, and says that it reads no labels until it is called."""

    caught_by = "contract.declared-access"

    @property
    def claims(self) -> Claims:  # type: ignore[override]
        frame, called = sys._getframe(), False
        while frame.f_back is not None:
            frame, called = frame.f_back, called or frame.f_code.co_name == "call_method"
        return Claims(max_ratio=1.0, reads_labels=called)
