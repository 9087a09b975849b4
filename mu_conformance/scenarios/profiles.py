"""Profiles: which scenarios are judged, with how many references and runs."""

from __future__ import annotations

import dataclasses
import warnings

from mu_conformance import discovery
from mu_conformance.scenarios.forget_sets import check_ratio

__all__ = ["PROFILES", "Profile", "find_profile", "varied"]


@dataclasses.dataclass(frozen=True)
class Profile:
    """``looks`` are the numbers of runs at which a check decides: it stops at the first at which it is conclusive.

    The error rate is shared out over the looks (Bonferroni: each interval has level 1 - 0.05 / len(looks)), so that
    looking more than once does not raise it. ``every_kind``: whether all of a task's kinds of forget set are used, or
    only the first one or two (``Task.quick_kinds``). ``audit_models``: how many models the audit takes (``audit``), 0
    for none.
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
            "thorough",
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

_FORMER_NAMES = {"certify": "thorough"}
"""A test suite certifies nobody."""


def find_profile(name: str) -> Profile:
    """Return the profile of that name; ``discovery.UnknownName`` names the choices. A former name warns."""
    if name in _FORMER_NAMES:
        warnings.warn(
            f"the profile {name} is now called {_FORMER_NAMES[name]}; the old name will go", FutureWarning, stacklevel=2
        )
        name = _FORMER_NAMES[name]
    return PROFILES[discovery.one_of("profile", name, list(PROFILES))]


def varied(
    profile: Profile, *, runs: int | None = None, references: int | None = None, ratio: float | None = None
) -> Profile:
    """Return the profile with other numbers of runs and references or another deletion ratio, where they are given.

    Raises ``ValueError`` for fewer than 1 run or 3 references, ``ForgetSetError`` for a ratio outside (0, 0.5].
    """
    if runs is not None:
        if runs < 1:
            raise ValueError(f"a judgement takes at least 1 run, got {runs}")
        profile = dataclasses.replace(profile, looks=(runs,))
    if references is not None:
        if references < 3:
            raise ValueError(f"a judgement takes at least 3 references, got {references}")
        profile = dataclasses.replace(profile, references=references)
    if ratio is not None:
        profile = dataclasses.replace(profile, ratio=check_ratio(ratio))
    return profile
