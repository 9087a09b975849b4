"""robustness.few-rows"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from mu_conformance.checks.catalogue import check
from mu_conformance.checks.power import require_power
from mu_conformance.checks.sequential import decide_at_looks
from mu_conformance.decision.finding import Finding, Measurement, Population
from mu_conformance.decision.outcome import Outcome, Sides
from mu_conformance.evidence.base import Evidence, EvidenceError
from mu_conformance.evidence.outputs import Outputs
from mu_conformance.tasks import Task

LOOKS = (4, 16, 32)
"""Four requests; many more where a row is now and then known to a model that never saw it."""
LEVEL = 1 - 0.05 / len(LOOKS)
REQUESTS = 2
"""Different requests that each half of the references chooses; later runs make them again, on originals of their own."""
SIZES = (1, 2, 4, 8)
"""Rows of one request: one, or as many more as it takes for the references to be told from the originals."""
CLEAR = 3.0
"""Reference deviations between originals and references that are enough for a request."""


def _first_of_rows(task: Task, kind: str) -> bool:
    """On the first kind of forget set whose rows do not belong together, and not where a call takes hours.

    Of a row in a unit, what the rest of the unit teaches stays in the retain set, and the references lack it.
    """
    return kind == next((name for name in task.forget_sets if name != "unit"), None) and not task.from_checkpoint


@dataclasses.dataclass(frozen=True)
class SmallRequest:
    """A few forget rows, by number, and the mean confidence on them of models that never saw them and of those that did."""

    rows: np.ndarray
    retrained: np.ndarray
    trained: np.ndarray

    def left(self, confidences: np.ndarray) -> float:
        """What a model still knows of the rows: from 0, no surer of them than the references are, to 1, as the originals."""
        way = (confidences - self.retrained)[self.rows].mean() / (self.trained - self.retrained)[self.rows].mean()
        return float(np.clip(way, 0.0, 1.0))


def confidences(evidence: Evidence, models: Sequence[Outputs]) -> np.ndarray:
    """Of each model on each forget row, [models, n]."""
    rows = evidence.scenario.rows["forget"]
    return np.stack([evidence.task.confidences(one["forget"], rows) for one in models])


@check("robustness.few-rows", Evidence, applies=_first_of_rows, own_requests=True)
def few_rows(evidence: Evidence) -> Finding:
    """A request for one row is honoured as one for many is: the row is not known any more.

    The commonest real request. A method may serve it and do nothing: steps that are a share of the rows round to none,
    a batch is never filled, one row has no deviation. Decided on the forget rows that originals and references differ
    on most, each asked for alone, from an original of its own: the confidence on it must lie nearer the references'
    than half of the way to the originals'. What lies below the references counts as they do, for rows that are pushed
    away show on larger requests. Where single rows are hardly remembered, requests are of two, four or eight. The
    references lack the other forget rows too: that moves exact retraining by a tenth of the way or so.
    """
    require_power(evidence)
    trained = confidences(evidence, evidence.originals)
    requests, references = clearest(confidences(evidence, evidence.references), trained)
    original = float(np.mean([request.left(own) for request in requests for own in trained]))
    tolerated = (original - float(references.mean())) / 2

    def left_in_runs(count: int) -> np.ndarray:
        asked = [requests[turn(number, len(requests))] for number in range(count)]
        models = confidences(evidence, evidence.few_rows_runs([request.rows for request in asked]))
        return np.array([request.left(own) for request, own in zip(asked, models, strict=True)])

    decision = decide_at_looks(
        LOOKS, LEVEL, left_in_runs, references, tolerated, Sides.ABOVE, spread_as_references=True
    )
    runs, outcome = decision.runs, decision.outcome
    measurement = Measurement(
        name="what is left of rows that were asked for alone",
        value=float(runs.mean()),
        interval=decision.interval,
        margin=tolerated,
        original=original,
        references=Population.of(references),
        runs=len(runs),
        sides=Sides.ABOVE,
    )
    if outcome is Outcome.PASSED:
        return Finding.passed(measurement)
    size = len(requests[0].rows)
    cause = (
        "small requests are not honoured as large ones are"
        if outcome is Outcome.FAILED
        else f"whether that is under half of the way, {len(runs)} runs do not settle"
    )
    return Finding(
        outcome,
        f"of {'a row' if size == 1 else f'{size} rows'} asked for alone, {runs.mean():.2f} is left in {len(runs)} runs (1: the "
        f"model is as sure as before; references {references.mean():.2f}): {cause}",
        (measurement,),
    )


def turn(number: int, requests: int) -> int:
    """Which request a run makes: all in turn, shifted by one in each round."""
    return (number + number // requests) % requests


def clearest(retrained: np.ndarray, trained: np.ndarray) -> tuple[list[SmallRequest], np.ndarray]:
    """The requests, and what is left of one of them in each reference, from confidences [references, n] and [originals, n].

    Of the smallest size that is clear enough, or else of the clearest. One half of the references chooses rows, and the
    other half says what is usual on them: on rows that were chosen for spreading little, the chooser spreads less than
    another model.
    """
    if len(retrained) < 4:
        raise EvidenceError(
            f"robustness.few-rows needs 4 references, two to choose rows and two to judge; got {len(retrained)}"
        )
    best: tuple[list[SmallRequest], np.ndarray] | None = None
    for size in SIZES:
        found = [_chosen(retrained[half::2], retrained[1 - half :: 2], trained.mean(axis=0), size) for half in (0, 1)]
        requests = [request for chosen, _ in found for request in chosen]
        if not all(chosen for chosen, _ in found):
            break
        references = np.concatenate([values for _, values in found])
        if best is None or _clarity(references) > _clarity(best[1]):
            best = requests, references
        if _clarity(references) >= CLEAR:
            break
    if best is None:
        raise EvidenceError(
            "originals are no surer of any forget row than references are: no small request can be judged"
        )
    return best


def _clarity(references: np.ndarray) -> float:
    """How many of their deviations the references lie from the originals; at most 1000."""
    return float((1 - references.mean()) / max(references.std(ddof=1), 1e-3))


def _chosen(
    choosing: np.ndarray, judging: np.ndarray, trained: np.ndarray, size: int
) -> tuple[list[SmallRequest], np.ndarray]:
    """The requests of a size that are clearest to some references, and what is left of them in each of the others."""
    gaps = trained - choosing.mean(axis=0)
    spread = np.maximum(choosing.std(axis=0, ddof=1), np.abs(gaps) / 1000 + 1e-12)
    order = np.argsort(-gaps / spread, kind="stable")
    count = min(REQUESTS, len(order) // size)
    groups = [order[: count * size][number::count] for number in range(count)]
    usual = judging.mean(axis=0)
    if not groups or any((trained - usual)[rows].mean() <= 0 or gaps[rows].mean() <= 0 for rows in groups):
        return [], np.empty(0)
    left = []
    for number, own in enumerate(judging):
        others = (usual * len(judging) - own) / (len(judging) - 1)
        left.append(SmallRequest(groups[number % count], others, trained).left(own))
    return [SmallRequest(rows, usual, trained) for rows in groups], np.array(left)
