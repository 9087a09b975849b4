"""Deciding one statistic of the runs against the references: the step that all evidence checks share."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np

from mu_conformance.decision.finding import Finding, Measurement
from mu_conformance.decision.rule import (
    Margin,
    Outcome,
    Sides,
    conclusive_chance,
    decide,
    difference_interval,
    worst_of,
)
from mu_conformance.evidence.base import Evidence
from mu_conformance.evidence.outputs import Outputs

__all__ = ["Statistic", "compare", "gap", "join", "report", "require_power", "separation", "with_reports"]

Statistic = Callable[[Evidence, Outputs, list[Outputs]], float]
"""A number from one model's outputs, and the references to compare it with (never the model itself)."""

REQUIRED_POWER = 6.0
FUTILE = 0.05
"""No runs are added where the chance that they decide is smaller. It can only leave a check inconclusive, never pass it."""


def reference_values(evidence: Evidence, statistic: Statistic) -> np.ndarray:
    """The statistic of every reference, each against the others (leave one out): the null distribution."""
    key = ("reference values", statistic)
    if key not in evidence.memo:
        references = evidence.references
        evidence.memo[key] = np.array(
            [statistic(evidence, own, references[:k] + references[k + 1 :]) for k, own in enumerate(references)]
        )
    return evidence.memo[key]


def gap(evidence: Evidence, statistic: Statistic) -> float:
    """How far the originals' mean lies above the references'; below 0 where it lies below."""
    originals = [statistic(evidence, own, evidence.references) for own in evidence.originals]
    return float(np.mean(originals) - reference_values(evidence, statistic).mean())


def separation(original: np.ndarray, references: np.ndarray) -> float:
    """How many reference standard deviations the original's mean lies from theirs; capped at 1000."""
    gap = abs(float(original.mean() - references.mean()))
    spread = float(references.std(ddof=1))
    return min(1000.0, gap / max(spread, gap / 1000)) if gap > 0 else 0.0


def compare(
    evidence: Evidence,
    name: str,
    statistic: Statistic,
    margin: Margin,
    *,
    sides: Sides = Sides.BOTH,
    cause: str,
) -> Finding:
    """Decide the statistic at each of the profile's looks, until one is conclusive or further runs are futile.

    ``cause`` says what a failure usually means.
    """
    require_power(evidence)
    references = reference_values(evidence, statistic)
    originals = np.array([statistic(evidence, own, evidence.references) for own in evidence.originals])
    tolerated = margin.value(float(originals.mean() - references.mean()))
    *_, last = evidence.profile.looks
    futile = ""
    for count in evidence.profile.looks:
        runs = np.array([statistic(evidence, own, evidence.references) for own in evidence.runs(count)])
        interval = difference_interval(runs, references, evidence.profile.level)
        outcome = decide(interval, tolerated, sides)
        if outcome is not Outcome.INCONCLUSIVE:
            break
        if 1 < len(runs) < last:
            chance = conclusive_chance(runs, references, evidence.profile.level, tolerated, sides, last)
            if chance < FUTILE:
                futile = f" No runs were added: the chance that {last} would decide is {chance:.1%}."
                break
    measurement = Measurement(
        name=name,
        value=float(runs.mean()),
        interval=interval,
        margin=tolerated,
        original=float(originals.mean()),
        references=(float(references.mean()), float(references.std(ddof=1)), len(references)),
        runs=len(runs),
        sides=sides,
    )
    if outcome is Outcome.PASSED:
        return Finding.passed(measurement)
    verb = "lies outside" if outcome is Outcome.FAILED else "straddles"
    message = (
        f"{name} of {len(runs)} runs is {runs.mean():.3f}, of {len(references)} references {references.mean():.3f}, "
        f"of the original {originals.mean():.3f}; the interval of the difference [{interval.low:+.3f}, "
        f"{interval.high:+.3f}] {verb} the margin {tolerated:.3f}.{futile} {cause}"
    )
    return Finding(outcome, message, (measurement,))


def with_reports(finding: Finding, evidence: Evidence, reported: Mapping[str, Statistic]) -> Finding:
    """The finding, and what is reported beside it and decides nothing (none of it where only outcomes are wanted)."""
    if not finding.measurements or evidence.outcomes_only:
        return finding
    found = [report(evidence, name, statistic) for name, statistic in reported.items()]
    return dataclasses.replace(finding, measurements=(*finding.measurements, *found))


def report(evidence: Evidence, name: str, statistic: Statistic) -> Measurement:
    """A statistic of the first look's runs next to its value for originals and references; nothing is decided on it."""
    references = reference_values(evidence, statistic)
    runs = evidence.runs(evidence.profile.looks[0])
    return Measurement(
        name=name,
        value=float(np.mean([statistic(evidence, own, evidence.references) for own in runs])),
        original=float(np.mean([statistic(evidence, own, evidence.references) for own in evidence.originals])),
        references=(float(references.mean()), float(references.std(ddof=1)), len(references)),
        runs=len(runs),
    )


def join(*findings: Finding) -> Finding:
    """One finding from several parts: the worst outcome, every measurement, every message."""
    worst = worst_of(f.outcome for f in findings)
    messages = [f.message for f in findings if f.message]
    return Finding(worst, " ".join(messages), tuple(m for f in findings for m in f.measurements))


def fixture_power(evidence: Evidence) -> tuple[str, float]:
    """The sharpest forgetting measure of a scenario and the original's separation on it."""
    from mu_conformance.checks.statistics import forgetting as statistics

    best = ("", 0.0)
    for name, statistic in statistics.FORGETTING.items():
        originals = np.array([statistic(evidence, own, evidence.references) for own in evidence.originals])
        found = separation(originals, reference_values(evidence, statistic))
        best = max(best, (name, found), key=lambda pair: pair[1])
    return best


def require_power(evidence: Evidence) -> None:
    """Raise if the scenario could not tell an original from a reference: no check on it means anything then."""
    from mu_conformance.evidence.base import EvidenceError

    if "power" not in evidence.memo:
        evidence.memo["power"] = fixture_power(evidence)
    power = evidence.memo["power"]
    if power[1] < REQUIRED_POWER:
        raise EvidenceError(
            f"{evidence.scenario.name} has separation {power[1]:.1f} < {REQUIRED_POWER:g} on {power[0]}: this fixture "
            "cannot tell a model that saw the forget set from one that did not; make its training set smaller or train longer"
        )
