"""Define profiles: which scenarios are judged, with how many references and runs."""

from __future__ import annotations

import dataclasses
import warnings

from mu_conformance import discovery
from mu_conformance.scenarios.forget_sets import check_ratio

__all__ = ["PROFILES", "Profile", "ProfileError", "find_profile", "varied"]


class ProfileError(ValueError):
    """Raised when a profile cannot be varied as asked; the message is one line."""


@dataclasses.dataclass(frozen=True)
class Profile:
    """Sets which scenarios are judged, with how many references and runs.

    A check decides at the first look at which it is conclusive. The error rate is shared out over the looks, so that
    looking more than once does not raise it (Bonferroni).
    """

    name: str
    """Name of the profile."""
    summary: str
    """Description in one line."""
    looks: tuple[int, ...]
    """Interim looks: the numbers of runs at which a check may decide, ascending."""
    references: int
    """Number of references."""
    every_kind: bool
    """True to use all of a task's kinds of forget set, False for the first one or two (``Task.quick_kinds``)."""
    ratio: float
    """Deletion ratio."""
    contract_examples: int
    """Number of random requests that a contract check makes."""
    unseen_requests: int = 6
    """Number of requests with secret rows and a secret size; a third of it where a model is expensive."""
    audit_models: int = 0
    """Number of models of the audit (``evidence.audit``); 0: no audit."""

    @property
    def level(self) -> float:
        """Return the confidence level of each interval, the error rate being shared out over the looks."""
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
            12,
            128,
        ),
    )
}
"""Every profile by name."""

_FORMER_NAMES = {"certify": "thorough"}
"""Former names of profiles. A test suite certifies nobody, so ``certify`` was renamed."""


def find_profile(name: str) -> Profile:
    """Return the profile of that name; ``discovery.UnknownName`` names the choices.

    A former name gives a ``FutureWarning``.
    """
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

    Raises ``ProfileError`` for fewer than 1 run or 3 references, and ``ForgetSetError`` for a ratio outside its range.

    Args:
        profile: profile to vary.
        runs: number of runs, at which the only look is made; None: the profile's looks.
        references: number of references; None: the profile's.
        ratio: deletion ratio; None: the profile's.
    """
    if runs is not None:
        if runs < 1:
            raise ProfileError(f"a judgement takes at least 1 run, got {runs}")
        profile = dataclasses.replace(profile, looks=(runs,))
    if references is not None:
        if references < 3:
            raise ProfileError(f"a judgement takes at least 3 references, got {references}")
        profile = dataclasses.replace(profile, references=references)
    if ratio is not None:
        profile = dataclasses.replace(profile, ratio=check_ratio(ratio))
    return profile
