"""The suite's own error rates, as ``mu-conformance validate`` measured them, shipped with the package."""

from __future__ import annotations

import importlib.resources
import json
import math
from collections.abc import Collection, Mapping
from typing import Any

from mu_conformance.scenarios.profiles import PROFILES, Profile

__all__ = ["POWER", "detected", "false_alarm_rate", "smallest", "studies"]

POWER = 0.9


def studies() -> dict[str, Any]:
    """What was measured, by profile and task; empty if nothing was."""
    path = importlib.resources.files("mu_conformance.scorecard").joinpath("known_error_rates.json")
    try:
        return dict(json.loads(path.read_text(encoding="utf-8"))["studies"])
    except (OSError, KeyError, ValueError):
        return {}


def _studied(measured: Mapping[str, Any], profile: Profile, tasks: Collection[str]) -> list[Mapping[str, Any]]:
    if PROFILES.get(profile.name) != profile:  # other numbers of runs or references than what was measured
        return []
    return [
        found for _, found in sorted(measured.items()) if found["profile"] == profile.name and found["task"] in tasks
    ]


def false_alarm_rate(measured: Mapping[str, Any], profile: Profile, tasks: Collection[str]) -> dict[str, Any] | None:
    """How often exact retraining is not conformant on those of ``tasks`` that were studied; None if none was.

    A verdict is on all tasks together, so it is wrong where it is on any: 1 - the product of (1 - rate), and so for the
    ends of the interval. ``level`` is that of each task's interval.
    """
    found = _studied(measured, profile, tasks)
    if not found:
        return None
    rates = [study["false_alarm_rate"] for study in found]

    def on_any(each: list[float]) -> float:
        return round(1 - math.prod(1 - rate for rate in each), 4)

    return {
        "estimate": on_any([rate["estimate"] for rate in rates]),
        "interval": [on_any([rate["interval"][end] for rate in rates]) for end in (0, 1)],
        "level": min(rate["level"] for rate in rates),
        "judgements": min(rate["judgements"] for rate in rates),
        "tasks": [study["task"] for study in found],
    }


def detected(measured: Mapping[str, Any], profile: Profile, tasks: Collection[str]) -> dict[str, float | None]:
    """By task, the smallest studied share of forget rows such that keeping it, or more, is found nine times of ten."""
    return {
        study["task"]: smallest({one["kept"]: one["estimate"] for one in study["detection"]})
        for study in _studied(measured, profile, tasks)
    }


def smallest(found: Mapping[float, float]) -> float | None:
    """Return the minimum detectable share: it, and every larger one, is found with ``POWER``; None if there is none.

    ``found`` is how often a share kept is found, by share.
    """
    least = None
    for share in sorted(found, reverse=True):
        if found[share] < POWER:
            break
        least = share
    return least
