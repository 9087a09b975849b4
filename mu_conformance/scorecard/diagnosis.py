"""Diagnosis: what kind of unlearning a scorecard shows, in one or two sentences."""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Iterable, Sequence

from mu_conformance.decision.finding import Measurement
from mu_conformance.decision.outcome import Fault, Outcome
from mu_conformance.scorecard.document import Check, Document
from mu_conformance.scorecard.summary import decisive, reason

__all__ = ["Diagnosis", "Sharpest", "diagnose", "sharpest"]

ALIKE = 0.25
"""Largest spread of the ways of scenarios that count as alike."""
NEGLIGIBLE = 0.03
"""Share of the original-to-reference gap below which a run's value is the original's.

Returned weights are rounded before they are judged, which moves values a little.
"""
NOISE = 0.2
"""Share of the references' deviation that counts as nothing likewise, where there is hardly a gap."""

_FORGETTING = ("forgetting", "privacy")
_RETAINED = "privacy.retain-exposure"
"""A check of the family privacy that is about rows that stay."""
_SMALL = ("robustness.few-rows", "contract.single-example")
_ROWS = ("privacy.worst-rows", "privacy.worst-example")
_RECOVERY = (
    "robustness.relearning",
    "robustness.quantization",
    "robustness.noise-and-pruning",
    "robustness.representation-probe",
)
_UNSEEN = "robustness.unseen-request"
_UNSIGNED = "forgetting.output-divergence"
"""A distance from retrained models that has no direction."""


@dataclasses.dataclass(frozen=True)
class Diagnosis:
    """What a run shows of a method."""

    kind: str
    """A stable name, such as ``under_forgets``."""
    text: str
    """One or two sentences, without a full stop at the end of the last."""
    way: float | None = None
    """Share of the way from the original (0) to retraining (1), median over scenarios; None if nothing says."""


@dataclasses.dataclass(frozen=True)
class Sharpest:
    """The decided forgetting or privacy statistic of a scenario that tells originals and references apart best."""

    scenario: str
    task: str
    kind: str
    """Kind of forget set."""
    check: str
    measurement: Measurement
    separation: float
    """Effect size (Glass's delta) between original and references, in reference standard deviations."""

    @property
    def way(self) -> float:
        """Share of the way from the original (0) to the references' mean (1)."""
        found = self.measurement
        assert found.original is not None
        assert found.references is not None
        return (found.original - found.value) / (found.original - found.references.mean)


def sharpest(checks: Iterable[Check]) -> list[Sharpest]:
    """Return the sharpest statistic of each scenario that has one, in the order of the scenarios."""
    best: dict[str, Sharpest] = {}
    for check in checks:
        if check.family not in _FORGETTING or check.id in (_RETAINED, _UNSIGNED):
            continue
        for found in check.measurements:
            references = found.references
            if found.departure is None or references is None or found.original is None:
                continue
            gap = abs(found.original - references.mean)
            if not 0 < gap < math.inf:
                continue
            # A spread that is not a number sorts last.
            separation = gap / max(references.sd or 0.0, gap / 1000) if math.isfinite(references.sd or 0.0) else 0.0
            one = Sharpest(check.scenario, check.task, check.kind, check.id, found, separation)
            if check.scenario not in best or separation > best[check.scenario].separation:
                best[check.scenario] = one
    return list(best.values())


def diagnose(document: Document) -> Diagnosis:
    """Return what the scorecard shows, the most telling kind first."""
    judged = [check for check in document.checks if check.required and check.outcome is not Outcome.NOT_RUN]
    if not judged:
        return Diagnosis("not_judged", "Nothing was judged")
    ways = [one.way for one in sharpest(judged)]
    way = statistics.median(ways) if ways else None
    bad = [check for check in document.failures() if check.outcome not in (Outcome.NOT_RUN, Outcome.STALE_WAIVER)]
    return (
        _unfinished(judged, way)
        or _unchanged(judged, bad, way)
        or _forgetting(judged, bad, way)
        or _rest(document, judged, bad, way)
    )


def _unfinished(judged: Sequence[Check], way: float | None) -> Diagnosis | None:
    """Most of what rests on runs could not be judged, because the method broke."""
    decided = [check for check in judged if check.family not in ("contract", "cost")] or list(judged)
    broken = [check for check in decided if check.outcome is Outcome.ERROR and check.fault is not Fault.SUITE]
    if 2 * len(broken) < len(decided):
        return None
    # Runs say more than the checks that only count them.
    reasons = [reason(check.message) for check in broken]
    text = f"The method did not finish: {max(set(reasons), key=lambda one: (reasons.count(one), one))}"
    return Diagnosis("did_not_finish", text, way)


def _as_before(measured: Measurement) -> bool:
    """Return whether each run's value is that of the original that it started from."""
    assert measured.values is not None
    spread = 0.0 if measured.references is None else measured.references.sd or 0.0
    mean = None if measured.references is None else measured.references.mean
    gap = 0.0 if measured.original is None or mean is None else abs(measured.original - mean)
    same = max(NEGLIGIBLE * gap, NOISE * spread)
    pairs = zip(measured.values.runs, measured.values.originals, strict=False)
    return all(abs(run - original) <= same + 1e-9 * abs(original) for run, original in pairs)


def _unchanged(judged: Sequence[Check], bad: Sequence[Check], way: float | None) -> Diagnosis | None:
    """Every run equals the original that it started from, on every statistic."""
    # What comes back after an attack is a small difference of two measurements, which rounding moves by as much.
    as_returned = [check for check in judged if check.family in (*_FORGETTING, "utility")]
    found = [one for check in as_returned for one in check.measurements if one.values and one.values.originals]
    if not found or not bad or not all(map(_as_before, found)):
        return None
    return Diagnosis(
        "changed_nothing",
        "The method changed nothing: each model that it returned answers as the original that it was handed",
        way,
    )


def _towards(check: Check) -> float:
    """Return the signed distance of the decided measurement that departs most, above 0 towards the original."""
    worst = decisive(check)
    return 0.0 if worst is None or worst.distance is None else worst.distance


def _worst(checks: Iterable[Check]) -> float:
    """Return the largest departure among checks, 0 if none was decided."""
    return max((one.departure or 0.0 for check in checks for one in check.measurements), default=0.0)


def _failed(bad: Iterable[Check], *names: str) -> list[Check]:
    """Return the checks of these ids or families that failed."""
    return [check for check in bad if {check.id, check.family} & set(names) and check.outcome is Outcome.FAILED]


def _forgetting(judged: Sequence[Check], bad: Sequence[Check], way: float | None) -> Diagnosis | None:
    """Forgetting or privacy fails: too little, too much, on a few rows only, or because the model is broken."""
    failed = [check for check in _failed(bad, *_FORGETTING) if check.id != _RETAINED]
    if not failed:
        return None
    recovered, lost = _recovered(judged, bad), _failed(bad, "utility")
    if _worst(lost) > _worst(failed):
        text = f"Pays with utility: {_lost(bad)}. Forgetting fails too, {_where(judged, failed)}"
        return Diagnosis("pays_with_utility", text, way)
    if _worst(recovered) > _worst(failed):
        before = _share(failed)
        text = _comes_back(recovered) + (f". Before that: {before}" if before else "")
        return Diagnosis("comes_back", f"{text}{_pays(bad)}", way)
    if {check.id for check in failed} <= set(_ROWS):
        where = _where(judged, failed)
        return Diagnosis(
            "leaves_a_few_rows",
            f"Forgets on average and leaves a few rows, {where}: the average row passes, the rows that are "
            f"remembered best do not{_pays(bad)}",
            way,
        )
    signed = [check for check in failed if check.id != _UNSIGNED]
    if not signed:
        text = f"Answers on the forget rows unlike any retrained model, {_where(judged, failed)}"
        return Diagnosis("unlike_retraining", f"{text}{_pays(bad)}", way)
    over = [check for check in signed if _towards(check) < 0]
    under = [check for check in signed if _towards(check) >= 0]
    if len(over) > len(under):
        text = f"Over-forgets, {_where(judged, over)}: the forget rows stand out beyond what retraining leaves of them"
        return Diagnosis("over_forgets", f"{text}{_pays(bad)}", way)
    share = _share(under)
    text = f"Under-forgets, {_where(judged, under)}" + (f": {share}" if share else "")
    if over:
        text += f". Over-forgets {_where(judged, over)}"
    return Diagnosis("under_forgets", f"{text}{_pays(bad)}", way)


def _recovered(judged: Sequence[Check], bad: Iterable[Check]) -> list[Check]:
    """Return the recovery attacks that brought the rows back, not those after which they are still pushed away.

    An attack of which only the gain is measured brings back what was not pushed beyond the references before.
    """
    ways = {one.scenario: one.way for one in sharpest(judged)}
    found = []
    for check in _failed(bad, *_RECOVERY):
        telling = [one for one in check.measurements if _tells(one)]
        worst = decisive(check)
        gained = worst is not None and (worst.difference or 0.0) > 0 and ways.get(check.scenario, 0.0) <= 1.1
        if any((one.distance or 0.0) > 0.5 for one in telling) or (not telling and gained):
            found.append(check)
    return found


def _tells(found: Measurement) -> bool:
    """Whether a statistic lies further from the references at the originals than the margin."""
    if found.distance is None or found.original is None or found.references is None or found.margin is None:
        return False
    return abs(found.original - found.references.mean) > found.margin


def _comes_back(recovered: Sequence[Check]) -> str:
    found = {check.id for check in recovered}
    how = [name.partition(".")[2].replace("-", " ") for name in _RECOVERY if name in found]
    return f"Hides instead of forgetting: what was forgotten comes back by {', '.join(how)}"


def _share(under: Sequence[Check]) -> str:
    """Return the share of the way on the scenarios where too little was forgotten, on what failed there."""
    found = sharpest(under)
    if not found:
        return ""
    ways = sorted(one.way for one in found)
    low, high = ways[0], ways[-1]
    if high - low <= 0.1:
        return f"{_percent(statistics.median(ways))} of the way from the original to retraining"
    return f"{_percent(low)} to {_percent(high)} of the way from the original to retraining"


def _percent(share: float) -> str:
    return f"{round(max(-9.99, min(9.99, share)) * 100):d} %"


def _where(judged: Sequence[Check], failed: Sequence[Check]) -> str:
    """Return on which scenarios checks failed, as one part of a sentence."""
    ids = {check.id for check in failed}
    all_of = {check.scenario: check for check in judged if check.id in ids}
    hit = {check.scenario: check for check in failed}
    if len(hit) == len(all_of):
        ways = [one.way for one in sharpest(judged) if one.scenario in hit]
        if len(hit) == 1:
            return f"on {next(iter(hit))}"
        alike = bool(ways) and max(ways) - min(ways) <= ALIKE
        return "everywhere alike" if alike else "everywhere"
    tasks, kinds = {check.task for check in hit.values()}, {check.kind for check in hit.values()}
    if len(tasks) == 1 and len({check.task for check in all_of.values()}) > 1:
        return f"on the task {next(iter(tasks))} alone"
    if len(kinds) == 1 and len({check.kind for check in all_of.values()}) > 1:
        return f"on forget sets of the kind {next(iter(kinds))} alone"
    return f"on {len(hit)} of {len(all_of)} scenarios"


def _pays(bad: Sequence[Check]) -> str:
    """Return the sentence on lost utility that follows another, or nothing."""
    lost = _lost(bad)
    return f". It also pays with utility: {lost}" if lost else ""


def _lost(bad: Sequence[Check]) -> str:
    """Return what was lost most of the utility, in margins."""
    failed = _failed(bad, "utility")
    found = [(one.departure, check, one) for check in failed for one in check.measurements if one.departure is not None]
    if not found:
        return ""
    _, check, worst = max(found, key=lambda item: item[0])
    assert worst.references is not None
    return f"{worst.name} {worst.value:.3g}, retrained {worst.references.mean:.3g}, on {check.scenario}"


def _rest(document: Document, judged: Sequence[Check], bad: Sequence[Check], way: float | None) -> Diagnosis:
    """Forgetting passes, or could not be decided: name what else is wrong."""
    failed = {check.id: check for check in bad if check.outcome is not Outcome.INCONCLUSIVE}
    blamed = {name: check for name, check in failed.items() if check.fault is not Fault.SUITE}
    broken = [check for check in bad if check.outcome is Outcome.ERROR and check.fault is not Fault.SUITE]
    if broken:
        text = f"Breaks on some requests, {broken[0].id} among the checks: {reason(broken[0].message)}"
        return Diagnosis("breaks", f"{text}{_pays(bad)}", way)
    recovered = _recovered(judged, bad)
    if recovered:
        return Diagnosis("comes_back", f"{_comes_back(recovered)}{_pays(bad)}", way)
    forgot = any(check.family in _FORGETTING and check.outcome is Outcome.PASSED for check in judged)
    if any(name in blamed for name in _SMALL) and forgot:
        text = "Ignores small requests: a tenth of the rows is forgotten, a single row that is asked for alone is not"
        return Diagnosis("ignores_small_requests", f"{text}{_pays(bad)}", way)
    # A model that lost more of its utility answers on no rows as a retrained one does, unseen ones included.
    if _UNSEEN in blamed and forgot and _worst(_failed(bad, "utility")) <= _worst(_failed(bad, _UNSEEN)):
        text = "Forgets on requests that ship with the suite, and not on ones drawn a moment ago"
        return Diagnosis("knows_the_requests", f"{text}{_pays(bad)}", way)
    lost = _lost(bad)
    if lost:
        return Diagnosis("pays_with_utility", f"Forgets, and pays with utility: {lost}", way)
    families = dict.fromkeys(check.family for check in blamed.values())
    if families:
        names = ", ".join(dict.fromkeys(blamed))
        what = "breaks the contract" if set(families) == {"contract"} else "does not keep all that it claims"
        if set(families) == {"cost"}:
            what = "costs more than retraining allows"
        if not forgot:
            return Diagnosis("other", f"{what.capitalize()}: {names}", way)
        return Diagnosis("other", f"Forgets as retraining does, and {what}: {names}", way)
    stale = sum(check.outcome is Outcome.STALE_WAIVER for check in document.checks)
    if stale and not bad:
        these = "1 waiver is" if stale == 1 else f"{stale} waivers are"
        return Diagnosis("stale_waivers", f"{these} stale, because what is waived passes: remove what is stale", way)
    if bad or not document.complete:
        undecided = [check for check in bad if check.outcome is Outcome.INCONCLUSIVE]
        suite = [check for check in bad if check.fault is Fault.SUITE]
        if undecided or suite:
            number = len(undecided)
            parts = [f"{number} {'check is' if number == 1 else 'checks are'} undecided"] if undecided else []
            parts += [f"{len(suite)} could not be judged through no fault of the method"] if suite else []
            return Diagnosis("undecided", f"Nothing failed; {', '.join(parts)}", way)
        return Diagnosis("partial", "Nothing failed of what was judged; the run was not whole", way)
    waived = sum(check.outcome is Outcome.WAIVED for check in judged)
    if waived:
        return Diagnosis("waived", f"Nothing failed but what is waived ({waived}), of which nothing is said", way)
    if not forgot:
        return Diagnosis("undecided", "Nothing failed, and no check of forgetting was passed", way)
    text = "No different from retraining within the margins"
    if way is not None:
        text += f": {_percent(way)} of the way from the original, on the sharpest statistics"
    return Diagnosis("as_retraining", text, way)
