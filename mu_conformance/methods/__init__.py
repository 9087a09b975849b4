"""Reference implementations of published methods, one file each: fine_tune.py holds FineTune."""

from __future__ import annotations

from typing import Any

from mu_conformance import discovery as registry


def __getattr__(name: str) -> Any:
    return registry.member(__name__, name)


def __dir__() -> list[str]:
    return registry.member_names(__name__)
