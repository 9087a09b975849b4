"""Claim nothing, so that no check applies."""

from __future__ import annotations

from mu_conformance.controls.do_nothing import DoNothing
from mu_conformance.protocol.claims import Claims

__all__ = ["ClaimsNothing"]


class ClaimsNothing(DoNothing):
    """Returns a copy of the original, and claims no task at all."""

    caught_by = "contract.claims"
    claims = Claims(tasks=())
