"""Hold reference implementations of published methods, one file each: fine_tune.py holds FineTune."""

from __future__ import annotations

from typing import Any

from mu_conformance import discovery


def __getattr__(name: str) -> Any:
    return discovery.member(__name__, name)


def __dir__() -> list[str]:
    return discovery.member_names(__name__)
