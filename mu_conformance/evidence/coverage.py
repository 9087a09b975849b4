"""Coverage: what the claims require of a run, for the one check that looks at the claims themselves."""

from __future__ import annotations

import dataclasses

from mu_conformance.protocol.claims import Claims

__all__ = ["Coverage"]


@dataclasses.dataclass(frozen=True)
class Coverage:
    """The claims, and the ids of the checks that they require on some scenario of the manifest."""

    claims: Claims
    required: tuple[str, ...]
