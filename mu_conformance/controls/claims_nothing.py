"""Claims nothing, so that no check applies."""

from __future__ import annotations

from mu_conformance.controls.do_nothing import DoNothing
from mu_conformance.protocol.claims import Claims

__all__ = ["ClaimsNothing"]


class ClaimsNothing(DoNothing):
    """Does nothing, and says that it does nothing on no task."""

    caught_by = "contract.claims"
    claims = Claims(tasks=())
