"""Profiles: which scenarios are judged, with how many references and runs."""

from __future__ import annotations

import dataclasses

__all__ = ["PROFILES", "Profile"]


@dataclasses.dataclass(frozen=True)
class Profile:
    """``looks`` are the numbers of runs at which a check decides: it stops at the first at which it is conclusive.

    The error rate is shared out over the looks (Bonferroni: each interval has level 1 - 0.05 / len(looks)), so that
    looking more than once does not raise it. ``every_kind``: whether all of a task's kinds of forget set are used, or only the
    first one or two (``Task.quick_kinds``). ``audit_models``: how many models the audit takes (``audit``), 0 for none.
    """

    name: str
    summary: str
    looks: tuple[int, ...]
    references: int
    every_kind: bool
    ratio: float
    contract_examples: int
    audit_models: int = 0

    @property
    def level(self) -> float:
        return 1 - 0.05 / len(self.looks)


PROFILES = {
    profile.name: profile
    for profile in (
        Profile("smoke", "one or two kinds of forget set per task, for every push", (4, 8, 16), 32, False, 0.10, 3),
        Profile("standard", "every kind of forget set, more runs and references", (8, 16, 32), 48, True, 0.10, 10),
        Profile(
            "certify",
            "what an auditor runs: foreign conftests and --mu-in-process are refused",
            (16, 32),
            64,
            True,
            0.10,
            25,
            128,
        ),
    )
}
