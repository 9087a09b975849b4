"""Methods that must fail, one file each; each names in ``caught_by`` the check that must catch it.

One that only one kind of forget set shows names that as ``kind``.
"""

from __future__ import annotations

from typing import Any

from mu_conformance import discovery


def __getattr__(name: str) -> Any:
    return discovery.member(__name__, name)


def __dir__() -> list[str]:
    return discovery.member_names(__name__)
