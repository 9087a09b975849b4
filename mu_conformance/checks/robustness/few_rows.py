"""robustness.few-rows"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from mu_conformance.checks.catalogue import check
from mu_conformance.checks.power import require_power
from mu_conformance.checks.sequential import decide_at_looks
from mu_conformance.checks.statistics.membership import standardised_confidences
from mu_conformance.decision.finding import Finding, Measurement, Population, Values
from mu_conformance.decision.outcome import Outcome, Sides
from mu_conformance.evidence.base import Evidence, EvidenceError
from mu_conformance.evidence.outputs import Outputs
from mu_conformance.tasks import Task

LOOKS = (4, 16, 32)
"""Numbers of runs at each look. Later looks are for rows now and then known to a model that never saw them."""
LEVEL = 1 - 0.05 / len(LOOKS)
"""Level of each interval; the type I error rate is shared over the looks."""
REQUESTS = 2
"""Requests chosen by each half of the references. Later runs repeat these requests, on originals of their own."""
SIZES = (1, 2, 4, 8)
"""Rows of one request. More rows are asked for only where fewer do not tell references from originals."""
CLEAR = 3.0
"""Effect size (Glass's delta) between originals and references at which a request is clear enough."""


def _first_of_rows(task: Task, kind: str) -> bool:
    """Return whether the kind is the task's first one without units, and calls do not take hours.

    A row of a unit is excluded, because the rest of the unit stays in the retain set while the references lack it.
    """
    return kind == next((name for name in task.forget_sets if name != "unit"), None) and not task.from_checkpoint


@dataclasses.dataclass(frozen=True)
class SmallRequest:
    """Hold a request for a few forget rows, with the mean confidences of references and of originals."""

    rows: np.ndarray
    """Numbers of the rows among the forget rows, int [size]."""
    retrained: np.ndarray
    """Mean confidence of models that never saw the rows, on each forget row, float [n]."""
    trained: np.ndarray
    """Mean confidence of the originals, on each forget row, float [n]."""

    def left(self, confidences: np.ndarray) -> float:
        """Return how much a model still knows of the rows, in [0, 1].

        0: no surer of the rows than the references are. 1: as sure as the originals. ``confidences`` is the model's
        confidence on each forget row, float [n].
        """
        way = (confidences - self.retrained)[self.rows].mean() / (self.trained - self.retrained)[self.rows].mean()
        return float(np.clip(way, 0.0, 1.0))


def confidences(evidence: Evidence, models: Sequence[Outputs]) -> np.ndarray:
    """Return the standardised confidence of each model on each forget row, float [models, n]."""
    return np.stack([standardised_confidences("forget")(evidence.scenario, one) for one in models])


@check("robustness.few-rows", Evidence, applies=_first_of_rows, own_requests=True)
def few_rows(evidence: Evidence) -> Finding:
    """A request for one row is honoured as one for many is: the row is not known any more.

    **Why.** One row is the most common real request. A method may serve this request and do nothing. Steps set as a
    share of the rows round to zero, a batch is never filled, or one row has no standard deviation.

    **Decision.** The forget rows that originals and references differ on most are each asked for alone, from an
    original of its own. The statistic is the confidence on the row, as a share of the way from the references to the
    originals. The comparison is one-sided: the confidence must lie nearer the references' than half of the way. A
    confidence below the references counts as theirs, because larger requests show rows that are pushed away. Where
    single rows are hardly remembered, requests are of two, four or eight. The references lack the other forget rows
    too, which moves exact retraining by a tenth of the way or so.

    **Level.** MUST: deleted data survives in the outputs if a small request is served by doing nothing.

    **If it fails.** Above the references: the method honours small requests less than large ones. Usual causes are a
    number of steps that rounds to zero, and an incomplete batch that is dropped.

    **Try.** Take at least one step, and fill batches up.

    **References.** None.
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
        rows=len(requests[0].rows),
        sides=Sides.ABOVE,
        values=Values.of(runs, references),
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
        f"of {'a row' if size == 1 else f'{size} rows'} asked for alone, {runs.mean():.2f} is left in {len(runs)} runs "
        f"(1: the model is as sure as before; references {references.mean():.2f}): {cause}",
        (measurement,),
    )


def turn(number: int, requests: int) -> int:
    """Return the number of the request made by a run: all requests in turn, shifted by one in each round."""
    return (number + number // requests) % requests


def clearest(retrained: np.ndarray, trained: np.ndarray) -> tuple[list[SmallRequest], np.ndarray]:
    """Return the requests, and for each reference the share left of one of them, float [references].

    The requests have the smallest size that is clear enough, or otherwise the clearest size. One half of the
    references chooses rows, and the other half gives the usual values on them. A chooser cannot do both, because it
    spreads less than another model on rows chosen for their small spread.

    Args:
        retrained: confidences of the references, float [references, n].
        trained: confidences of the originals, float [originals, n].

    Raises:
        EvidenceError: there are fewer than 4 references, or no row on which originals are surer than references.
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
    """Return the effect size (Glass's delta) between originals, at 1, and references; at most 1000."""
    return float((1 - references.mean()) / max(references.std(ddof=1), 1e-3))


def _chosen(
    choosing: np.ndarray, judging: np.ndarray, trained: np.ndarray, size: int
) -> tuple[list[SmallRequest], np.ndarray]:
    """Return the clearest requests of a size, chosen by some references, and the share left in each other reference."""
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
