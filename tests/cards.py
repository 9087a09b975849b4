"""Hand-made scorecards, with measurements such that an evidence check's outcome follows from its interval and margin."""

from __future__ import annotations

import numpy as np

from mu_conformance.checks.manifest import Entry, required
from mu_conformance.protocol.claims import Claims
from mu_conformance.scenarios.profiles import PROFILES
from mu_conformance.scorecard.building import build

INTERVALS = {"passed": [-0.1, 0.1], "failed": [2.0, 3.0], "inconclusive": [0.5, 2.0]}
ENTRIES = [
    Entry("sentiment", "sentiment/contract", "contract.claims", "text", "contract"),
    Entry("sentiment", "sentiment/contract", "contract.finite", "text", "contract"),
    Entry("sentiment", "sentiment/random-10%", "forgetting.score", "text", "random", 0.1),
    Entry("sentiment", "sentiment/random-10%", "privacy.membership-loss", "text", "random", 0.1),
    Entry("sentiment", "sentiment/random-10%", "utility.test-score", "text", "random", 0.1),
    Entry("keyword_spotting", "keyword_spotting/unit", "forgetting.score", "audio", "unit", 0.07),
]
FORGETTING = ENTRIES[2].key
DEFAULT = Claims()


def measured(check: str, outcome: str) -> list[dict]:
    """What a check that compares runs with references would have measured; others measure nothing here."""
    if check.partition(".")[0] in ("contract", "cost") or outcome not in INTERVALS:
        return []
    return [{"name": "x", "value": 0.5, "interval": INTERVALS[outcome], "level": 0.95, "margin": 1.0, "sides": "both"}]


def numbers(check: str, outcome: str) -> list[dict]:
    """As a check makes them, NumPy's number types included."""
    return [{**one, "value": np.float64(one["value"])} for one in measured(check, outcome)]


def card(changed: dict | None = None, claims: Claims = DEFAULT, listed=ENTRIES, **overrides) -> dict:
    """A scorecard on which everything required passed, but for ``changed``."""
    results = {
        entry.key: {"outcome": "passed", "measurements": numbers(entry.check, "passed"), "duration_s": 1.23456}
        for entry in listed
        if required(entry, claims)
    }
    for key, outcome in (changed or {}).items():
        if outcome is None:
            del results[key]
        else:
            results[key] = {"outcome": outcome, "message": f"it is {outcome}", "measurements": numbers(key[0], outcome)}
    arguments = {
        "entries": listed,
        "results": results,
        "claims": claims,
        "method": {"ref": "mypkg:Mine", "version": "1.0"},
        "profile": PROFILES["smoke"],
        "suite": {"artefacts_sha256": "0" * 64},
        "environment": {},
        "invocation": {"args": ["--method", "mypkg:Mine"]},
        "waivers": [],
    }
    return build(**{**arguments, **overrides})
