"""The suite's own error rates, as measured by ``benchmarks/`` and shipped with the package."""

from __future__ import annotations

import importlib.resources
import json
from typing import Any

__all__ = ["false_alarm_rate"]


def false_alarm_rate() -> dict[str, Any] | None:
    """How often exact retraining was called nonconformant, with its interval; None if it was never measured."""
    path = importlib.resources.files("mu_conformance.scorecard").joinpath("validity.json")
    try:
        return json.loads(path.read_text(encoding="utf-8"))["false_alarm_rate"]
    except (OSError, KeyError, ValueError):
        return None
