"""Hold methods that must fail (negative controls), one file each.

``caught_by`` names the check that must catch a control. ``kind`` names the kind of forget set that shows it, if only
one does.
"""

from __future__ import annotations

from typing import Any

from mu_conformance import discovery


def __getattr__(name: str) -> Any:
    return discovery.member(__name__, name)


def __dir__() -> list[str]:
    return discovery.member_names(__name__)
