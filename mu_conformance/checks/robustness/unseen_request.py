"""robustness.unseen-request"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from scipy.special import ndtri

from mu_conformance.checks.catalogue import check
from mu_conformance.checks.comparison import join
from mu_conformance.checks.forgetting import loss
from mu_conformance.checks.power import REQUIRED_POWER, gap, reference_values, require_power, separation, values
from mu_conformance.checks.privacy import membership_lira, membership_loss, membership_rmia, within_class, worst_rows
from mu_conformance.checks.sequential import decide_at_looks
from mu_conformance.checks.statistics import forgetting, membership
from mu_conformance.checks.statistics.caching import Statistic
from mu_conformance.decision.finding import Finding, Measurement, Population, Values
from mu_conformance.decision.interval import Interval, known_spread_interval
from mu_conformance.decision.outcome import Outcome, Sides
from mu_conformance.decision.rule import Margin, decide
from mu_conformance.evidence.base import Evidence, EvidenceError, UnseenRequests
from mu_conformance.scenarios.unseen import INSIDE_SHARE
from mu_conformance.tasks import Task

LOOKS = (1, 4, 8)
"""Numbers of runs at each look.

2 is left out: with one degree of freedom the interval is 38 standard errors to each side, and decides nothing.
"""
LEVEL = 1 - 0.05 / (2 * len(LOOKS))
"""Level of each interval; the error rate is shared over the looks, at the references and at models made just now."""
LEVEL_OF_ONE_LOOK = 0.95
"""Level of the interval of what is looked at once."""
TELLING = 4.0
"""Least margin, in reference deviations, with which a statistic is decided. A few runs decide nothing below it."""
HALF = Margin(floor=0.0, fraction=0.5)
"""Margin of the sharpest statistic, where no statistic can be decided with the margin that it has elsewhere."""
FEWEST_INSIDE = 4
"""Least number of retain rows that are named. Fewer say nothing, and are not asked for."""
TELLS_PREPARED = 8.0
"""Least effect size between prepared models and the original, at which a run is taken for one or the other.

A prepared model is then taken for one that was made for the request in 0.3 % of cases (half of the effect size, over
the root of two).
"""
FEWEST_KEPT = 8
"""Least number of rows of the pool that stay, for them to say whether a model was prepared without them."""


@dataclasses.dataclass(frozen=True)
class _Decided:
    """Names a statistic, and the margin that it has elsewhere."""

    name: str
    statistic: Statistic[float]
    margin: Margin


def _statistics(task: Task) -> list[_Decided]:
    """Return the forgetting and privacy statistics that rest on losses and confidences alone."""
    found = [
        _Decided("standardised loss difference", forgetting.loss_difference, loss.MARGIN),
        _Decided("loss attack AUC", membership.loss_auc, membership_loss.MARGIN),
    ]
    if "likelihood" in task.features:
        found.append(_Decided("RMIA score", membership.rmia_score, membership_rmia.MARGIN))
    if "classes" in task.features:
        found.append(_Decided("loss attack AUC within classes", membership.within_class_auc, within_class.MARGIN))
    # Models of a convex task agree but for rounding, and each row is an outlier in units of their spread.
    if "convex" not in task.features:
        found.append(_Decided("LiRA score", membership.lira_score, membership_lira.MARGIN))
        found.append(_Decided("LiRA score of the worst tenth", membership.worst_rows_score, worst_rows.MARGIN))
    return found


def _first_kind(task: Task, kind: str) -> bool:
    """Return whether the kind is the task's first one, and originals are not fine-tuned from a checkpoint for hours."""
    return kind == task.forget_sets[0] and not task.from_checkpoint


@check("robustness.unseen-request", Evidence, applies=_first_kind, own_requests=True)
def unseen_request(evidence: Evidence) -> Finding:
    """Requests that nobody can foresee are honoured: secret rows, secret sizes, an original trained just now.

    **Why.** Shipped originals and forget sets are public. A method can recognise them, retrain for them alone, or
    return a model that it prepared. It can also pass over requests of sizes that are not asked for.

    **Decision.** An original is trained on the scenario's retain rows and on secret holdout rows, which no reference
    saw. Requests on it have sizes from one row to the claimed ratio, one from each stratum of equal width on the log
    scale. The rows asked for are those that the original is surest of, compared with the references. Each request is
    decided on every forgetting and privacy statistic of losses and confidences whose usual margin is four reference
    deviations or more. Where there is none, the sharpest statistic is decided, with half of the gap as the margin. The
    comparison is one-sided, towards the original. A departure to the other side fails where it is larger than the gap's
    half.

    The references lack the secret rows that stay, which moves answers on small requests, most of all of convex models.
    What does not pass against them is therefore compared with models retrained just now on exactly the rows that stay:
    as many as runs, with the references' spread. Nothing fails but against these. After a request that failed no other
    is made.

    The secret rows that stay must be known like other rows that stay, which they are not by a model that was
    prepared beforehand. The statistic is the AUC of the loss attack between the two. A run fails where it is shown to
    lie nearer the references, which never saw the secret rows, than the original. A third of the largest request's rows
    are retain rows, which the stored references were trained on. Their AUC fails where it is shown to lie nearer the
    original's than 0.5. One run is enough for most methods. Four and eight follow where one is not conclusive.

    **Level.** MUST: a claim cannot be believed if it holds for requests that are known beforehand.

    **If it fails.** The runs lie near the original, unlike those on requests that ship with the suite. The method
    recognises what ships, or has prepared models for it, or does not serve requests of this size. Runs on the other
    side of the references push the rows away, unlike in requests that ship.

    **Try.** Remove special cases for known models, rows, seeds and sizes. Tune on originals and forget sets of your
    own, of one row as well as of many.

    **References.** None.
    """
    require_power(evidence)
    requests = evidence.unseen
    findings: list[Finding] = []
    judged: set[int] = set()
    for number, size in enumerate(requests.sizes):
        inside = size // INSIDE_SHARE if number == 0 and size // INSIDE_SHARE >= FEWEST_INSIDE else 0
        asked = chosen(requests, size - inside, inside)
        # Sizes near one another may come to the same request.
        if len(asked.scenario.rows["forget"]) in judged:
            continue
        judged.add(len(asked.scenario.rows["forget"]))
        findings += [_judge(requests, asked, decided) for decided in _decided(asked)]
        if inside:
            findings.append(_judge_inside(asked))
        if len(asked.scenario.rows.get("kept", ())) >= FEWEST_KEPT:
            findings.append(_judge_kept(asked))
        if any(found.outcome is Outcome.FAILED for found in findings):
            break
    return join(*findings)


def chosen(requests: UnseenRequests, size: int, inside: int) -> Evidence:
    """Return the request of ``size`` rows of the pool that tells most; of the nearest size that tells enough.

    The rows are those on which the original is surest, in reference deviations. Half of the references choose, because
    a chooser spreads less than another model on rows chosen for their small spread.

    Raises ``EvidenceError`` if no size tells enough.
    """
    every = requests.evidence(np.arange(requests.pool))
    confidences = membership.standardised_confidences("forget")
    trained = confidences(every.scenario, every.originals[0])
    retrained = np.stack([confidences(every.scenario, one) for one in every.references[::2]])
    gaps = trained - retrained.mean(axis=0)
    spread = np.maximum(retrained.std(axis=0, ddof=1), np.abs(gaps) / 1000 + 1e-12)
    order = np.argsort(-gaps / spread, kind="stable")
    sizes = {size, *(max(1, round(requests.pool ** (step / 8))) for step in range(9))}
    for candidate in sorted(sizes, key=lambda other: (abs(math.log(other / size)), other)):
        asked = requests.evidence(order[:candidate], inside)
        if sharpest(asked)[1] >= REQUIRED_POWER:
            return asked
    raise EvidenceError(
        f"{every.scenario.draw.base.name}: no unseen request can be judged, because the original is hardly surer of "  # type: ignore[attr-defined]
        "any of its rows than models that never saw them; make its training set smaller or train longer"
    )


def sharpest(evidence: Evidence) -> tuple[_Decided, float]:
    """Return the statistic with the largest effect size between the original and the references, and the size."""
    found = [(one, _separation(evidence, one.statistic)) for one in _statistics(evidence.task)]
    return max(found, key=lambda pair: pair[1])


def _separation(evidence: Evidence, statistic: Statistic[float]) -> float:
    return separation(values(evidence, statistic, evidence.originals), reference_values(evidence, statistic))


def _decided(evidence: Evidence) -> list[_Decided]:
    """Return the statistics that are decided on a request: those whose margin tells, or otherwise the sharpest."""
    found = []
    for one in _statistics(evidence.task):
        spread = float(reference_values(evidence, one.statistic).std(ddof=1))
        ahead = abs(gap(evidence, one.statistic))
        if TELLING * spread <= one.margin.value(ahead) <= ahead / 2:
            found.append(one)
    return found or [dataclasses.replace(sharpest(evidence)[0], margin=HALF)]


@dataclasses.dataclass(frozen=True)
class _Comparison:
    """Holds a statistic of runs beside that of models without the rows, and of the original."""

    outcome: Outcome
    runs: np.ndarray
    references: Population
    values: np.ndarray
    """Values of the models without the rows, float [n]."""
    original: float
    interval: Interval
    margin: float
    sides: Sides


def _compared(
    outcome: Outcome,
    interval: Interval,
    runs: np.ndarray,
    references: np.ndarray,
    spread: float,
    ahead: float,
    margin: float,
) -> _Comparison:
    """Return a comparison. Beyond the references only what lies wholly outside counts.

    Other checks find less, on known requests.
    """
    sides = _towards(ahead)
    if outcome is Outcome.PASSED:
        other = Sides.BELOW if sides is Sides.ABOVE else Sides.ABOVE
        if decide(interval, abs(ahead) / 2, other) is Outcome.FAILED:
            outcome, sides = Outcome.FAILED, Sides.BOTH
    population = Population(float(references.mean()), spread, len(references))
    return _Comparison(outcome, runs, population, references, population.mean + ahead, interval, margin, sides)


def _towards(ahead: float) -> Sides:
    return Sides.ABOVE if ahead > 0 else Sides.BELOW


def _with_references(evidence: Evidence, decided: _Decided) -> _Comparison:
    """Compare runs with the references, which lack the rows of the pool that stay."""
    references, ahead = reference_values(evidence, decided.statistic), gap(evidence, decided.statistic)
    margin = decided.margin.value(ahead)
    decision = decide_at_looks(
        LOOKS,
        LEVEL,
        lambda count: values(evidence, decided.statistic, evidence.runs(count)),
        references,
        margin,
        _towards(ahead),
    )
    return _compared(
        decision.outcome, decision.interval, decision.runs, references, float(references.std(ddof=1)), ahead, margin
    )


def _with_retrained(requests: UnseenRequests, evidence: Evidence, decided: _Decided, made: int) -> _Comparison | None:
    """Compare runs with models retrained just now; None if these tell too little from the original.

    Args:
        requests: what makes the models.
        evidence: the request.
        decided: the statistic.
        made: number of runs made already.
    """
    known = reference_values(evidence, decided.statistic)
    spread, trained = float(known.std(ddof=1)), float(values(evidence, decided.statistic, evidence.originals).mean())
    found = None
    for count in LOOKS:
        runs = values(evidence, decided.statistic, evidence.runs(max(count, made)))
        retrained = values(evidence, decided.statistic, requests.retrained(evidence, count))
        ahead = trained - float(retrained.mean())
        margin = decided.margin.value(ahead)
        least = REQUIRED_POWER / 2 if decided.margin is HALF else TELLING
        if not least * spread <= margin <= abs(ahead) / 2:
            return None
        interval = known_spread_interval(runs, retrained, spread, len(known) - 1, LEVEL)
        found = _compared(decide(interval, margin, _towards(ahead)), interval, runs, retrained, spread, ahead, margin)
        if found.outcome is not Outcome.INCONCLUSIVE:
            break
    return found


def _judge(requests: UnseenRequests, evidence: Evidence, decided: _Decided) -> Finding:
    size = evidence.scenario.size  # type: ignore[attr-defined]
    found, made_now = _with_references(evidence, decided), False
    # Where the request names the whole pool, the references were trained on exactly what stays.
    if found.outcome is not Outcome.PASSED and {"kept", "inside"} & evidence.scenario.rows.keys():
        exact = _with_retrained(requests, evidence, decided, len(found.runs))
        if exact is None:
            found = dataclasses.replace(found, outcome=Outcome.INCONCLUSIVE)
        else:
            found, made_now = exact, True
    measurement = Measurement(
        name=f"{decided.name}, {_rows(size)} that nobody could foresee",
        value=float(found.runs.mean()),
        interval=found.interval,
        margin=found.margin,
        original=found.original,
        references=found.references,
        runs=len(found.runs),
        rows=size,
        sides=found.sides,
        values=Values.of(found.runs, found.values),
    )
    if found.outcome is Outcome.PASSED:
        return Finding.passed(measurement)
    of = "models retrained just now" if made_now else "references"
    return Finding(
        found.outcome,
        f"{decided.name} on {_rows(size)} drawn just now is {found.runs.mean():.3f} in {_runs(len(found.runs))}, of "
        f"{of} {found.references.mean:.3f}, of the original {found.original:.3f} (margin {found.margin:.3f}): not what "
        "the method does to requests that ship with the suite.",
        (measurement,),
    )


def _judge_kept(evidence: Evidence) -> Finding:
    """Judge whether the model knows the rows of the pool that stay: one that was prepared beforehand does not.

    The references stand for what was prepared, and the original for a model that knows all rows that stay. The question
    is which of the two a run is like. It is taken for the nearer one, and for a prepared one only if the interval shows
    it. The one original is known no better by more runs, so that an interval would leave half of the cases open.
    """
    statistic = membership.stranger_auc
    kept, size = len(evidence.scenario.rows["kept"]), evidence.scenario.size  # type: ignore[attr-defined]
    prepared, knowing = reference_values(evidence, statistic), values(evidence, statistic, evidence.originals)
    ahead, spread = float(prepared.mean() - knowing.mean()), float(prepared.std(ddof=1))
    if ahead < TELLS_PREPARED * spread:
        return Finding.passed()
    for count in LOOKS:
        runs = values(evidence, statistic, evidence.runs(count))
        interval = known_spread_interval(runs, knowing, spread, len(prepared) - 1, LEVEL)
        outcome = decide(interval, ahead / 2, Sides.ABOVE)
        if outcome is Outcome.INCONCLUSIVE and runs.mean() - knowing.mean() < ahead / 2:
            outcome = Outcome.PASSED
        if outcome is not Outcome.INCONCLUSIVE:
            break
    measurement = Measurement(
        name=f"loss attack AUC of stored rows against {_rows(kept)} drawn just now, all of which stay",
        value=float(runs.mean()),
        original=float(prepared.mean()),
        references=Population(float(knowing.mean()), spread, len(knowing)),
        runs=len(runs),
        rows=size,
    )
    if outcome is Outcome.PASSED:
        return Finding.passed(measurement)
    measurement = dataclasses.replace(measurement, interval=interval, margin=ahead / 2, sides=Sides.ABOVE)
    return Finding(
        outcome,
        f"of {_rows(kept)} that were drawn just now and stay, the model knows less than of other rows that stay: AUC "
        f"{runs.mean():.3f}, of the original {knowing.mean():.3f}, of models without these rows {prepared.mean():.3f}. "
        "It was not made from the rows of this request.",
        (measurement,),
    )


def _judge_inside(evidence: Evidence) -> Finding:
    """Judge the named rows that stored references were trained on, against rows that were never trained on.

    No stored model lacks these rows. They are rows by lot like the holdout rows, so that their AUC is 0.5 but for
    chance. A failure is shown, and nothing else is: the interval is that of chance.
    """
    statistic = membership.inside_auc
    inside, size = len(evidence.scenario.rows["inside"]), evidence.scenario.size  # type: ignore[attr-defined]
    runs, trained = (values(evidence, statistic, models) for models in (evidence.runs(1), evidence.originals))
    ahead = float(trained.mean()) - 0.5
    if ahead <= 0:
        return Finding.passed()
    # The variance of an AUC without an effect (Mann & Whitney 1947).
    chance = math.sqrt((1 / inside + 1 / len(evidence.scenario.rows["holdout"])) / 12)
    half = float(ndtri((1 + LEVEL_OF_ONE_LOOK) / 2)) * chance
    difference = float(runs.mean()) - 0.5
    interval = Interval(difference - half, difference + half, LEVEL_OF_ONE_LOOK)
    shown = decide(interval, ahead / 2, Sides.ABOVE)
    measurement = Measurement(
        name=f"loss attack AUC of {_rows(inside)} named that stored references know",
        value=float(runs.mean()),
        original=float(trained.mean()),
        runs=len(runs),
        rows=size,
    )
    if shown is not Outcome.FAILED:
        return Finding.passed(measurement)
    return Finding.failed(
        f"loss attack AUC of {_rows(inside)} of the retain set, asked for just now, is {runs.mean():.3f}, of the "
        f"original {trained.mean():.3f}: they are known as before.",
        dataclasses.replace(
            measurement,
            interval=interval,
            margin=ahead / 2,
            references=Population(0.5, chance, 1),
            sides=Sides.ABOVE,
        ),
    )


def _rows(size: int) -> str:
    return "a row" if size == 1 else f"{size} rows"


def _runs(count: int) -> str:
    return "one run" if count == 1 else f"{count} runs"
