"""Measure the power of a scenario: how well its statistics tell originals from references."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import numpy as np

from mu_conformance.checks.statistics.caching import Statistic
from mu_conformance.checks.statistics.forgetting import FORGETTING
from mu_conformance.evidence.base import Evidence, EvidenceError
from mu_conformance.evidence.outputs import Outputs

__all__ = [
    "REQUIRED_POWER",
    "Power",
    "fixture_power",
    "gap",
    "known_power",
    "reference_values",
    "require_power",
    "separation",
    "values",
]

REQUIRED_POWER = 6.0
"""Least effect size (Glass's delta) between originals and references at which a scenario is judged."""


@dataclasses.dataclass(frozen=True)
class Power:
    """Hold the sharpest forgetting measure of a scenario and its separation."""

    measure: str
    """Name of the measure, a key of ``FORGETTING``."""
    statistic: Statistic[float]
    """The measure itself."""
    separation: float
    """Effect size (Glass's delta) between originals and references, in reference standard deviations, in [0, 1000]."""


def values(evidence: Evidence, statistic: Statistic[float], models: Iterable[Outputs]) -> np.ndarray:
    """Return the statistic of each model against all references, float [models]."""
    return np.array([statistic.among(evidence.scenario, own, evidence.others) for own in models])


def reference_values(evidence: Evidence, statistic: Statistic[float]) -> np.ndarray:
    """Return the statistic of each reference against the others (leave one out), float [references].

    This is the null distribution.
    """

    def compute(evidence: Evidence) -> np.ndarray:
        models = zip(evidence.references, evidence.left_out, strict=True)
        return np.array([statistic.among(evidence.scenario, own, others) for own, others in models])

    return evidence.once(("reference values", statistic), compute)


def gap(evidence: Evidence, statistic: Statistic[float]) -> float:
    """Return the originals' mean minus the references' mean, on the statistic's scale."""
    originals = values(evidence, statistic, evidence.originals)
    return float(np.mean(originals) - reference_values(evidence, statistic).mean())


def separation(original: np.ndarray, references: np.ndarray) -> float:
    """Return the effect size (Glass's delta) between originals and references, in [0, 1000].

    The effect size is the distance between the two means, in reference standard deviations. ``original`` has shape
    [originals], ``references`` has shape [references] with two references at least.
    """
    gap = abs(float(original.mean() - references.mean()))
    spread = float(references.std(ddof=1))
    return min(1000.0, gap / max(spread, gap / 1000)) if gap > 0 else 0.0


def _sharpest(evidence: Evidence) -> Power:
    best = Power("", next(iter(FORGETTING.values())), 0.0)
    for name, statistic in FORGETTING.items():
        found = separation(values(evidence, statistic, evidence.originals), reference_values(evidence, statistic))
        best = max(best, Power(name, statistic, found), key=lambda power: power.separation)
    return best


def fixture_power(evidence: Evidence) -> Power:
    """Return the scenario's sharpest forgetting measure; computed once."""
    return evidence.once(fixture_power, _sharpest)


def known_power(evidence: Evidence) -> Power | None:
    """Return the scenario's power if a check needed it, otherwise None."""
    return evidence.known(fixture_power)


def require_power(evidence: Evidence) -> Power:
    """Return the scenario's power; raise ``EvidenceError`` if it is below ``REQUIRED_POWER``."""
    power = fixture_power(evidence)
    if power.separation < REQUIRED_POWER:
        raise EvidenceError(
            f"{evidence.scenario.name} has separation {power.separation:.1f} < {REQUIRED_POWER:g} on {power.measure}: "
            "this fixture cannot tell a model that saw the forget set from one that did not; make its training set "
            "smaller or train longer"
        )
    return power
