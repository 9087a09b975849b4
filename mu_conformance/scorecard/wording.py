"""Sentences that every render of a scorecard uses."""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Mapping
from typing import Any

from mu_conformance.decision.finding import Measurement
from mu_conformance.decision.outcome import Fault, Outcome
from mu_conformance.scenarios.profiles import PROFILES
from mu_conformance.scorecard.document import Check, Document
from mu_conformance.scorecard.summary import Counts, decisive

__all__ = [
    "claimed",
    "clean",
    "counted",
    "deciding_runs",
    "error_rates",
    "guarantee",
    "number",
    "not_shown",
    "shortened",
    "spread",
    "supported",
    "times",
    "verdict_sentence",
    "whose",
]


_UNSEEN = re.compile(
    "[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f\\ud800-\\udfff\\ufeff\\ufff9-\\ufffb]"
)
"""Control characters, those that turn the direction of writing, and lone surrogates."""


def clean(text: str) -> str:
    """Return a text without what neither a page nor a terminal can show."""
    return _UNSEEN.sub("\N{REPLACEMENT CHARACTER}", text)


def shortened(text: str, most: int) -> str:
    """Return a text of at most ``most`` characters, and how many are left out: its start and its end."""
    if len(text) <= most:
        return text
    half = most // 2
    return f"{text[:half]} ... [{len(text) - 2 * half} characters more in the scorecard] ... {text[-half:]}"


def number(value: float | None) -> str:
    """Return a number for people, to about three significant digits; ``-`` for a missing or infinite one."""
    if value is None or not math.isfinite(value):
        return "-"
    size = abs(value)
    if size >= 1e6 or 0 < size < 5e-4:
        return f"{value:.1e}"
    return f"{value:.{3 if size < 10 else 2 if size < 100 else 1 if size < 1000 else 0}f}"


def times(distance: float | None) -> str:
    """Return a distance in margins, ``2.5 × the margin``."""
    if distance is None or not math.isfinite(distance):
        return "-"
    return f"{_margins(distance)} × the margin"


def _margins(distance: float) -> str:
    return f"{distance:.2f}" if 0.95 <= distance < 1.05 else f"{distance:.1f}" if distance < 100 else f"{distance:.0f}"


def counted(counts: Counts) -> str:
    """Return ``71 of 93 passed, 18 failed, 4 inconclusive``."""
    parts = [f"{counts.passed} of {counts.required} passed"]
    named = (
        (counts.failed, "failed"),
        (counts.inconclusive, "inconclusive"),
        (counts.unjudged, "could not be judged"),
        (counts.waived, "waived"),
        (counts.stale, "stale waivers" if counts.stale != 1 else "stale waiver"),
        (counts.not_run, "not run"),
    )
    return ", ".join(parts + [f"{count} {name}" for count, name in named if count])


_GUARANTEES = {
    "suppression": "suppression (outputs on the forget set look like those of a model that never saw it)",
    "retrain_equivalent": "retrain-equivalence (no attack of the catalogue tells the model from a retrained one)",
    "epsilon_delta": "(ε, δ)-unlearning (the per-example audit bounds ε below the claim)",
    "exact": "exact unlearning (no statistic of the catalogue tells the model from a retrained one)",
}


def guarantee(name: str | None) -> str:
    """Return a guarantee in words."""
    return _GUARANTEES.get(str(name), str(name)) if name else "nothing"


def supported(document: Document) -> str:
    """Return ``supports: retrain_equivalent``'s value: the guarantee, or ``nothing``."""
    return document.verdict.supports or "nothing"


def judged_requests(document: Document) -> str:
    """Return the sizes and ratios of the requests that were judged, such as ``1 to 59 rows, up to 10 % of all rows``.

    Empty if nothing was.
    """
    judged = [check for check in document.checks if check.required and check.outcome in _JUDGED]
    sizes = [one.rows for check in judged for one in check.measurements if isinstance(one.rows, int)]
    ratios = [check.ratio for check in judged if isinstance(check.ratio, int | float) and check.ratio]
    parts = [f"{min(sizes)} to {max(sizes)} rows"] if sizes else []
    if ratios:
        parts.append(f"{'up to ' if sizes else ''}{100 * max(ratios):.3g} % of the training rows")
    return ", ".join(parts)


_JUDGED = (Outcome.PASSED, Outcome.FAILED, Outcome.INCONCLUSIVE, Outcome.WAIVED)


def verdict_sentence(document: Document, counts: Counts) -> str:
    """Return the verdict in a sentence or two."""
    verdict = document.verdict
    tasks = f"{len(verdict.scope)} task{'s' if len(verdict.scope) != 1 else ''}"
    if verdict.status == "conformant":
        asked = judged_requests(document)
        return f"Every one of the {counts.required} required checks passed, on {tasks}{asked and f' ({asked})'}."
    if verdict.status == "conformant_with_waivers":
        return f"{counts.passed} of {counts.required} required checks passed on {tasks}; {counts.waived} are waived."
    if verdict.status == "nonconformant":
        if not counts.failed and counts.stale:
            return f"{counts.stale} waivers are stale, because what they waive passes: remove them."
        return f"{counts.failed} of {counts.required} required checks failed, on {tasks}."
    why = []
    if counts.inconclusive:
        why.append(f"{counts.inconclusive} checks are inconclusive")
    if counts.unjudged:
        why.append(f"{counts.unjudged} could not be judged, through no fault of the method")
    if counts.not_run:
        why.append(f"{counts.not_run} did not run")
    why += [f"it contradicts itself ({one})" for one in (document.suite.get("contradictions") or ())[:1]]
    if document.suite.get("isolated") is False:
        why.append("the method ran in the suite's own process, for debugging")
    if not why:
        why.append("no forgetting and utility checks passed on one task" if counts.required else "nothing was required")
    return f"No verdict: {', '.join(why)}."


def claimed(document: Document) -> list[str]:
    """Return what the method's author claims, a sentence each."""
    claims: Mapping[str, Any] = document.method.get("claims") or {}
    name = str(claims.get("guarantee") or document.verdict.guarantee)
    lines = [f"Guarantee: {guarantee(name)}."]
    if claims.get("epsilon") is not None:
        lines[0] = f"Guarantee: {guarantee(name)}, with ε {claims['epsilon']} and δ {claims.get('delta')}."
    for key, what in (("tasks", "Tasks"), ("modalities", "Modalities")):
        listed = claims.get(key)
        if listed is not None:
            lines.append(f"{what}: {', '.join(map(str, listed)) or 'none'}.")
    if claims.get("requires"):
        lines.append(f"Only tasks with: {', '.join(map(str, claims['requires']))}.")
    if isinstance(claims.get("max_ratio"), int | float):
        lines.append(f"Requests of at most {100 * claims['max_ratio']:g} % of the training rows.")
    said = (
        ("needs_retain", "Reads the retain set.", "Does not need the retain set."),
        ("reads_labels", None, "Reads no labels."),
        ("deterministic", None, "Another call with the same seed may give another result."),
        ("in_place", "May change the model that it is handed.", None),
    )
    for key, yes, no in said:
        sentence = yes if claims.get(key) else no
        if key in claims and sentence:
            lines.append(sentence)
    return lines


def not_shown(document: Document) -> list[str]:
    """Return what the scorecard does not show, a sentence each: general limits first, then those of this run."""
    suite, verdict = document.suite, document.verdict
    lines = [
        "A run tests the algorithm on known data. It says nothing of a deployed model, of backups, logs and stores, "
        "or of compliance with a law.",
        "Whoever runs the suite on a machine of their own can change what it says. Only a run by somebody else shows "
        "that they did not.",
        "A method that behaves well only on the data of this suite is not found out by it.",
    ]
    if suite.get("data", "embedded") == "embedded" and verdict.scope:
        lines.append("The tasks are small, so that retrained models exist to compare with. Scale is not tested.")
    known = [found for found in (suite.get("share_kept_that_is_detected") or {}).items() if found[1] is not None]
    if known:
        shares = ", ".join(f"{100 * share:g} % on {task}" for task, share in known)
        lines.append(f"A smaller share of the forget rows than these may have stayed without being found: {shares}.")
    rates = suite.get("false_alarm_rate") or {}
    unknown = [task for task in verdict.scope if task not in (rates.get("tasks") or ())]
    if unknown:
        lines.append(f"How often a verdict is wrong was not measured on {', '.join(unknown)}.")
    asked = judged_requests(document)
    if asked:
        lines.append(f"Other requests than these were not made: {asked}.")
    bits = suite.get("weight_bits")
    if isinstance(bits, int):
        lines.append(
            f"The weights were judged after rounding to {bits} bits of mantissa. What they hold below that was not "
            "judged: round them with mu_conformance.rounded before they are deployed."
        )
    if suite.get("isolated") is False:
        lines.append("The method ran in the suite's own process and could have changed anything that was measured.")
    elif suite.get("sandbox") == "none":
        lines.append(
            "The method ran without a sandbox: what native code, started programs and abandoned processes did could go "
            "unseen."
        )
    if not document.complete:
        lines.append("The run was not whole: what it did not judge may fail.")
    return lines


def error_rates(document: Document) -> list[str]:
    """Return the known error rates in words."""
    suite, lines = document.suite, []
    rates = suite.get("false_alarm_rate") or {}
    if rates.get("tasks"):
        low, high = (rates.get("interval") or [None, None])[:2]
        count, tasks = rates.get("judgements"), ", ".join(map(str, rates["tasks"]))
        estimate = rates.get("estimate") or 0.0
        found = "none was" if estimate == 0 else f"{100 * estimate:.1f} % were"
        lines.append(f"Of {count} exact retrainings on each of {tasks}, {found} wrongly called nonconformant.")
        if isinstance(low, int | float) and isinstance(high, int | float):
            level = f"{100 * rates['level']:g} %" if isinstance(rates.get("level"), int | float) else "its level"
            several = " of any of them" if len(rates["tasks"]) > 1 else ""
            lines.append(
                f"For a verdict on these tasks together the rate lies between {100 * low:.1f} % and {100 * high:.1f} % "
                f"(ends of the intervals{several} at {level} for each task)."
            )
    for task, share in (suite.get("share_kept_that_is_detected") or {}).items():
        if share is None:
            lines.append(f"On {task} no studied share of forget rows that stay is found 9 times of 10.")
        else:
            lines.append(f"A method that keeps {100 * share:g} % of the forget rows of {task} is found 9 times of 10.")
    if not lines:
        lines.append("No error rate was measured for these tasks and settings.")
    return lines


_OWN_LOOKS = ("robustness.few-rows", "robustness.seeds", "robustness.unseen-request")
"""Checks whose number of runs no option changes."""


def deciding_runs(document: Document, check: Check) -> str:
    """Return what would decide an inconclusive check: about so many runs, a profile, or nothing near.

    The part of an interval's width that comes from the runs shrinks with the root of their number; the references' part
    stays. The result is an estimate, from the runs' own spread.
    """
    found = decisive(check)
    if check.outcome is not Outcome.INCONCLUSIVE:
        return ""
    if check.id in _OWN_LOOKS:
        return "Its number of runs is fixed."
    if found is None or found.interval is None or found.margin is None or found.departure is None:
        return "A larger profile may decide it (--mu-profile standard)."
    values = found.values
    if values is None or len(values.runs) < 2 or not values.references:
        return "A larger profile may decide it (--mu-profile standard)."
    half = (found.interval.high - found.interval.low) / 2
    room = abs(1 - found.departure) * found.margin
    of_runs = statistics.variance(values.runs) / len(values.runs)
    of_references = (found.references.sd**2 / found.references.n) if found.references else 0.0
    known = of_runs + of_references
    # What remains of the room once the references' part is taken off, in squares.
    left = (room / half) ** 2 * known - of_references if half > 0 and known > 0 else math.nan
    made = max(len(values.runs), (document.suite.get("looks") or [0])[-1])
    most = max(profile.looks[-1] for profile in PROFILES.values())
    needed = len(values.runs) * of_runs / left if left > 0 else math.inf
    if not math.isfinite(needed) or needed > 4 * most:
        return "It lies so near the margin that more runs would hardly decide it."
    if needed <= made:
        return "It lies so near the margin that the run stopped early: more runs were unlikely to decide it."
    for name, profile in PROFILES.items():
        if profile.looks[-1] >= needed:
            return f"About {math.ceil(needed - 1e-6)} runs would decide it: --mu-profile {name}."
    return f"About {math.ceil(needed - 1e-6)} runs would decide it: --mu-runs {math.ceil(needed - 1e-6)}."


def whose(check: Check) -> str:
    """Return whose fault an error is, as an addition to the outcome."""
    return " (the suite's fault)" if check.outcome is Outcome.ERROR and check.fault is Fault.SUITE else ""


def spread(measurement: Measurement) -> str:
    """Return the numbers of a measurement in one line."""
    parts: list[str] = []
    if measurement.interval is not None and measurement.difference is not None:
        low, high = number(measurement.interval.low), number(measurement.interval.high)
        parts.append(f"difference {number(measurement.difference)} [{low}, {high}] at {measurement.interval.level:.1%}")
    if measurement.margin is not None:
        parts.append(f"margin {number(measurement.margin)}")
    if measurement.runs:
        parts.append(f"{measurement.runs} runs")
    if measurement.references is not None:
        parts.append(f"{measurement.references.n} retrained models, sd {number(measurement.references.sd)}")
    return ", ".join(parts)
