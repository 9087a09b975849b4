"""Hold what the claims require of a run, for the one check that looks at the claims themselves."""

from __future__ import annotations

import dataclasses

from mu_conformance.protocol.claims import Claims

__all__ = ["Coverage"]


@dataclasses.dataclass(frozen=True)
class Coverage:
    """Holds the claims and the checks that they require."""

    claims: Claims
    """Claims of the method."""
    required: tuple[str, ...]
    """Ids of the checks required on some scenario of the manifest."""
