"""Hand-made scorecards, in which the outcome of an evidence check follows from its interval and margin."""

from __future__ import annotations

import numpy as np

from mu_conformance.checks.manifest import Entry, claimed
from mu_conformance.protocol.claims import Claims
from mu_conformance.scenarios.profiles import PROFILES
from mu_conformance.scorecard.building import build
from mu_conformance.scorecard.record import Context, Judged, Record
from mu_conformance.scorecard.scorecard import Scorecard

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
POWER = {"measure": "loss attack AUC", "separation": 12.0}
"""Of every scenario."""
SECONDS = {"calls": 1.0}
"""Of every finding: one call of the method."""


def measured(check: str, outcome: str) -> list[dict]:
    """What a check that compares runs with references would have measured; others measure nothing here."""
    if check.partition(".")[0] in ("contract", "cost") or outcome not in INTERVALS:
        return []
    return [{"name": "x", "value": 0.5, "interval": INTERVALS[outcome], "level": 0.95, "margin": 1.0, "sides": "both"}]


def numbers(check: str, outcome: str) -> list[dict]:
    """As a check makes them, NumPy's number types included."""
    return [{**one, "value": np.float64(one["value"])} for one in measured(check, outcome)]


def scorecard(
    changed: dict | None = None, claims: Claims = DEFAULT, listed=ENTRIES, waivers=(), **context
) -> Scorecard:
    """A scorecard on which everything required passed, except for ``changed``: outcomes by (check, scenario)."""
    record = Record()
    for entry in listed:
        record.add_entries(entry.task, [one for one in listed if one.task == entry.task])
        if claimed(entry, claims):
            found = {"outcome": "passed", "message": "", "measurements": numbers(entry.check, "passed")}
            record.add(Judged(entry, found, duration_s=1.23456, power=POWER, seconds=SECONDS))
    entries = {entry.key: entry for entry in listed}
    for key, outcome in (changed or {}).items():
        del record.judged[key]
        if outcome is not None:
            fault = {"fault": "method"} if outcome == "error" else {}
            found = {
                "outcome": outcome,
                "message": f"it is {outcome}",
                "measurements": numbers(key[0], outcome),
                **fault,
            }
            record.add(Judged(entries[key], found, power=POWER, seconds=SECONDS))
    made = Context(
        method={"ref": "mypkg:Mine", "version": "1.0"},
        claims=claims,
        profile=PROFILES["smoke"],
        suite={"seed": None},
        invocation={"args": ["--method", "mypkg:Mine"]},
        waivers=tuple(waivers),
        **context,
    )
    scope = list(dict.fromkeys(entry.task for entry in listed))
    return build(record, made, scope=scope)


def card(*args, **named) -> dict:
    """The same as plain JSON."""
    return scorecard(*args, **named).to_json()
