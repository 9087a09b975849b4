"""Decide one statistic of the runs against the references: the step shared by all evidence checks."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from mu_conformance.checks.power import reference_values, require_power, values
from mu_conformance.checks.sequential import decide_at_looks
from mu_conformance.checks.statistics.caching import Statistic
from mu_conformance.decision.finding import Finding, Measurement, Population, Values
from mu_conformance.decision.interval import difference_interval
from mu_conformance.decision.outcome import Level, Outcome, Sides, worst_of
from mu_conformance.decision.rule import Margin, decide
from mu_conformance.evidence.base import Evidence

__all__ = ["advise", "compare", "join", "report", "with_reports"]


def compare(
    evidence: Evidence,
    name: str,
    statistic: Statistic[float],
    margin: Margin,
    *,
    sides: Sides = Sides.BOTH,
    cause: str,
    key: str | None = None,
    spread_as_references: bool = False,
) -> Finding:
    """Decide a statistic at the profile's looks, until a look is conclusive or further runs are futile.

    Args:
        evidence: the scenario's originals, references and runs.
        name: name of the statistic in messages and measurements.
        statistic: statistic of one model, on any scale.
        margin: largest tolerated difference of means, on the statistic's scale.
        sides: departures that count.
        cause: usual meaning of a failure; a sentence that ends the message.
        key: stable name of the measurement, for programs.
        spread_as_references: as in ``difference_interval``.

    Raises:
        EvidenceError: the scenario has too little power (``require_power``), or a run cannot be judged.
    """
    require_power(evidence)
    references = reference_values(evidence, statistic)
    originals = values(evidence, statistic, evidence.originals)
    tolerated = margin.value(float(originals.mean() - references.mean()))
    decision = decide_at_looks(
        evidence.profile.looks,
        evidence.profile.level,
        lambda count: values(evidence, statistic, evidence.runs(count)),
        references,
        tolerated,
        sides,
        spread_as_references=spread_as_references,
        stops_if_futile=True,
    )
    runs, interval = decision.runs, decision.interval
    measurement = Measurement(
        name=name,
        value=float(runs.mean()),
        interval=interval,
        margin=tolerated,
        original=float(originals.mean()),
        references=Population.of(references),
        runs=len(runs),
        sides=sides,
        key=key,
        values=Values.of(runs, references, originals),
    )
    if decision.outcome is Outcome.PASSED:
        return Finding.passed(measurement)
    verb = "lies outside" if decision.outcome is Outcome.FAILED else "straddles"
    message = (
        f"{name} of {len(runs)} runs is {runs.mean():.3f}, of {len(references)} references {references.mean():.3f}, "
        f"of the original {originals.mean():.3f}; the interval of the difference [{interval.low:+.3f}, "
        f"{interval.high:+.3f}] {verb} the margin {tolerated:.3f}.{decision.futile} {cause}"
    )
    return Finding(decision.outcome, message, (measurement,))


def with_reports(
    finding: Finding,
    evidence: Evidence,
    reported: Mapping[str, Statistic[float]],
    keys: Mapping[str, str] | None = None,
) -> Finding:
    """Add measurements to a finding without a decision on them; skip them where only outcomes are wanted.

    ``keys`` has the stable name of a measurement by its name, where programs need one.
    """
    if not finding.measurements or evidence.outcomes_only:
        return finding
    found = [report(evidence, name, statistic, (keys or {}).get(name)) for name, statistic in reported.items()]
    return dataclasses.replace(finding, measurements=(*finding.measurements, *found))


def advise(
    found: Finding, evidence: Evidence, name: str, statistic: Statistic[float], margin: float, why: str
) -> Finding:
    """Add a statistic that is a recommendation: where only it fails, the finding fails at level SHOULD.

    It is decided on the first look's runs alone, above the references alone, and only a failure counts.

    Args:
        found: the finding that decides.
        evidence: the scenario's originals, references and runs.
        name: name of the statistic.
        statistic: statistic of one model.
        margin: largest tolerated difference, above 0.
        why: end of the message: why the failure is no more than a recommendation.
    """
    if not found.measurements:
        return found
    own = report(evidence, name, statistic)
    references = reference_values(evidence, statistic)
    runs = values(evidence, statistic, evidence.runs(evidence.profile.looks[0]))
    interval = difference_interval(runs, references, evidence.profile.level)
    if found.outcome is not Outcome.PASSED or decide(interval, margin, Sides.ABOVE) is not Outcome.FAILED:
        return dataclasses.replace(found, measurements=(*found.measurements, own))
    return Finding.failed(
        f"{name} of {len(runs)} runs is {runs.mean():.3f}, of {len(references)} references {references.mean():.3f}: "
        f"{why}",
        *found.measurements,
        dataclasses.replace(own, interval=interval, margin=margin, sides=Sides.ABOVE),
        level=Level.SHOULD,
    )


def report(evidence: Evidence, name: str, statistic: Statistic[float], key: str | None = None) -> Measurement:
    """Measure a statistic of the first look's runs, the originals and the references, without a decision."""
    references = reference_values(evidence, statistic)
    runs = values(evidence, statistic, evidence.runs(evidence.profile.looks[0]))
    originals = values(evidence, statistic, evidence.originals)
    return Measurement(
        name=name,
        value=float(runs.mean()),
        original=float(originals.mean()),
        references=Population.of(references),
        runs=len(runs),
        key=key,
        values=Values.of(runs, references, originals),
    )


def join(*findings: Finding) -> Finding:
    """Join the findings of several parts: the worst outcome, every measurement and every message."""
    worst = worst_of(f.outcome for f in findings)
    messages = [f.message for f in findings if f.message]
    return Finding(worst, " ".join(messages), tuple(m for f in findings for m in f.measurements))
