"""Judge models drawn from a pool."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from mu_conformance.checks.catalogue import Check, catalogue
from mu_conformance.decision.outcome import Outcome
from mu_conformance.evidence.base import Evidence, EvidenceError, Retraining, UnseenRequests
from mu_conformance.evidence.outputs import Outputs
from mu_conformance.evidence.runs import Run
from mu_conformance.protocol.claims import Claims
from mu_conformance.scenarios.profiles import Profile
from mu_conformance.scenarios.scenario import Scenario

__all__ = ["DrawnEvidence", "deciding", "draw", "judge", "models_needed"]

DEFAULT = Claims()
"""The default claims."""


class DrawnEvidence(Evidence):
    """Draws evidence from a pool of models; no method is called."""

    outcomes_only = True

    def __init__(
        self,
        scenario: Scenario,
        profile: Profile,
        originals: Sequence[Outputs],
        references: Sequence[Outputs],
        runs: Sequence[Outputs],
    ) -> None:
        super().__init__(scenario, profile)
        self._originals, self._references, self._drawn = list(originals), list(references), list(runs)

    @property
    def originals(self) -> list[Outputs]:
        return self._originals

    @property
    def references(self) -> list[Outputs]:
        return self._references

    @property
    def untrained(self) -> Outputs:
        raise EvidenceError("a pool has no untrained model")

    def runs(self, count: int) -> list[Outputs]:
        if count > len(self._drawn):
            raise EvidenceError(f"{count} runs are asked for, and {len(self._drawn)} were drawn")
        return self._drawn[:count]

    @property
    def unseen(self) -> UnseenRequests:
        raise EvidenceError("a pool has no models of unseen requests")

    def few_rows_runs(self, requests: Sequence[np.ndarray]) -> list[Outputs]:
        raise EvidenceError("a pool has no models of small requests")

    def records(self, count: int) -> list[Run]:
        raise EvidenceError("models from a pool were not made by calls")

    @property
    def retraining(self) -> Retraining:
        raise EvidenceError("models from a pool were not made by calls")

    def flops_share(self, run: Run) -> float | None:
        raise EvidenceError("models from a pool were not made by calls")


def models_needed(profile: Profile) -> dict[str, int]:
    """Return the number of models of each kind that one judgement draws."""
    return {
        "originals": max(2, profile.looks[0]),
        "references": profile.references,
        "runs": profile.looks[-1],
    }


def draw(
    scenario: Scenario,
    profile: Profile,
    generator: np.random.Generator,
    originals: Sequence[Outputs],
    retrained: Sequence[Outputs],
    others: Sequence[Outputs] | None = None,
) -> DrawnEvidence:
    """Draw originals, references and runs without replacement.

    Raises ``ValueError`` where there are too few models.

    Args:
        scenario: the scenario.
        profile: profile that sets the numbers.
        generator: generator of the draws.
        originals: models to draw originals from.
        retrained: models to draw references from.
        others: models to draw runs from; None: ``retrained``, apart from the references.
    """
    needed = models_needed(profile)
    from_retrained = needed["references"] + (needed["runs"] if others is None else 0)
    for what, models, count in (
        ("originals", originals, needed["originals"]),
        ("retrained models", retrained, from_retrained),
        ("runs", others if others is not None else retrained, needed["runs"]),
    ):
        if len(models) < count:
            raise ValueError(f"a judgement under {profile.name} draws {count} {what}, and there are {len(models)}")
    chosen = [originals[at] for at in generator.choice(len(originals), needed["originals"], replace=False)]
    drawn = [retrained[at] for at in generator.choice(len(retrained), from_retrained, replace=False)]
    references, runs = drawn[: needed["references"]], drawn[needed["references"] :]
    if others is not None:
        runs = [others[at] for at in generator.choice(len(others), needed["runs"], replace=False)]
    return DrawnEvidence(scenario, profile, chosen, references, runs)


def deciding(evidence: DrawnEvidence) -> list[Check]:
    """Return the checks on the models themselves that apply.

    Checks of contract and cost are left out. Checks with requests of their own are left out too, because no pool has
    models of them.
    """
    task, kind = evidence.task, evidence.scenario.kind
    return [
        check
        for check in catalogue().values()
        if check.subject is Evidence
        and check.family != "cost"
        and not check.own_requests
        and check.applies_to(task, kind)
    ]


def judge(evidence: DrawnEvidence, claims: Claims = DEFAULT) -> Mapping[str, Outcome]:
    """Return the outcome of every deciding check required by these claims, by id."""
    return {check.id: check.function(evidence).outcome for check in deciding(evidence) if check.required_by(claims)}
