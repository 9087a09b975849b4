"""The page: one file, no network, complete without JavaScript; a pure function of the scorecard."""

from __future__ import annotations

import base64
import dataclasses
import functools
import gzip
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import jinja2
from markupsafe import Markup

from mu_conformance.checks.catalogue import catalogue
from mu_conformance.decision.finding import Measurement
from mu_conformance.decision.outcome import Fault, Outcome
from mu_conformance.scorecard import mu_bench, wording
from mu_conformance.scorecard.diagnosis import Sharpest, diagnose, sharpest
from mu_conformance.scorecard.document import Check, Document
from mu_conformance.scorecard.renders import plots
from mu_conformance.scorecard.summary import FAMILIES, by_check, by_reason, count, decisive, departure, judged

__all__ = ["STATUS", "Known", "cloud_of", "notebook", "readable", "render", "templates"]

MOST_NAME = 300
"""Characters of a name or a command."""
MOST_TEXT = 2_000
"""Characters of a message on the page; the scorecard has all of it."""
MOST_TRACEBACK = 6_000
MANY = 500
"""Checks that passed from which on their plots are drawn coarsely, so that the page stays small."""
MOST_PACKED = 400_000
"""Bytes of the link that saves the scorecard."""
STATUS = {
    "conformant": ("ok", "Conformant"),
    "conformant_with_waivers": ("ok", "Conformant with waivers"),
    "nonconformant": ("bad", "Nonconformant"),
    "incomplete": ("open", "Incomplete"),
}
_OUTCOMES = {
    Outcome.PASSED: ("ok", "✓", "passed"),
    Outcome.FAILED: ("bad", "✗", "failed"),
    Outcome.ERROR: ("bad", "✗", "error"),
    Outcome.STALE_WAIVER: ("bad", "✗", "stale waiver"),
    Outcome.INCONCLUSIVE: ("open", "?", "inconclusive"),
    Outcome.WAIVED: ("none", "○", "waived"),
    Outcome.NOT_CLAIMED: ("none", "–", "not claimed"),
    Outcome.NOT_RUN: ("none", "–", "not run"),
}
_TOLD = ("power", "false_alarm_rate", "share_kept_that_is_detected", "claims")
"""Keys that the page tells in words."""
_EXPECTED = {
    "suite": ("version", "profile", "references", "looks", "level", "manifest_sha256", "artefacts_sha256", "power"),
    "method": ("ref", "version", "source_sha256", "claims"),
    "environment": ("python", "platform", "torch"),
    "invocation": ("args", "plugins", "conftests"),
}


@functools.cache
def templates() -> jinja2.Environment:
    """Return the templates of the pages, made once, with style, script and policy."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("mu_conformance.scorecard.renders"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    made.filters.update(clean=wording.clean, number=wording.number, times=wording.times)
    made.globals.update(_assets())
    return made


def _assets() -> dict[str, Any]:
    """Return style and script, and the policy that lets this script run and nothing else."""
    loader = jinja2.PackageLoader("mu_conformance.scorecard.renders")
    style, script = (loader.get_source(jinja2.Environment(), name)[0] for name in ("page.css", "page.js"))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'sha256-{digest}'; base-uri 'none'"
    )
    return {"style": Markup(style), "script": Markup(script), "policy": policy}


@dataclasses.dataclass(frozen=True)
class _Row:
    """A check on one scenario, as the page shows it."""

    check: Check
    outcome: tuple[str, str, str]
    distance: float | None
    strips: list[tuple[Measurement, plots.Strip, str]]
    message: str
    traceback: str
    decided_by: str


@dataclasses.dataclass(frozen=True)
class _Group:
    """A check on all scenarios where it has the same kind of outcome, the worst first."""

    id: str
    assertion: str
    meaning: str
    advice: str
    rows: list[_Row]


def _row(card: Document, check: Check, told: set[str], width: int) -> _Row:
    strips = []
    for found in check.measurements:
        drawn = plots.strip(found, width) if found.decided else None
        if drawn is not None:
            strips.append((found, drawn, wording.spread(found)))
    traceback = check.traceback if check.traceback not in told else ""
    told.add(check.traceback)
    outcome = ("none", "○", "recommendation") if card.recommended(check) else _OUTCOMES[check.outcome]
    return _Row(
        check,
        outcome,
        departure(check),
        strips,
        wording.shortened(check.message, MOST_TEXT),
        wording.shortened(traceback, MOST_TRACEBACK),
        wording.deciding_runs(card, check),
    )


def _groups(card: Document, checks: Sequence[Check], width: int = plots.WIDTH) -> list[_Group]:
    told: set[str] = {""}
    groups = []
    for listed in by_check(checks):
        known, worst = catalogue().get(listed[0].id), decisive(listed[0])
        above = None if worst is None or worst.difference is None else worst.difference > 0
        passed = listed[0].outcome is Outcome.PASSED
        groups.append(
            _Group(
                listed[0].id,
                known.summary.replace("``", "") if known else "This version of the suite does not know this check.",
                known.meaning(above).replace("``", "") if known and not passed else "",
                known.advice.replace("``", "") if known and not passed else "",
                [_row(card, check, told, width) for check in listed],
            )
        )
    return groups


def _heat(card: Document) -> list[dict[str, Any]]:
    """Return a row for each scenario: by family how much passed, the worst departure and a class."""
    by_cell: dict[str, dict[str, list[Check]]] = {}
    for check in judged(card):
        by_cell.setdefault(check.scenario, {}).setdefault(check.family, []).append(check)
    return [
        {"scenario": scenario, "cells": [_cell(card, family, found.get(family, [])) for family in FAMILIES]}
        for scenario, found in by_cell.items()
    ]


def _cell(card: Document, family: str, found: Sequence[Check]) -> dict[str, Any]:
    distances = [one for check in found if (one := departure(check)) is not None]
    worst = max(distances, default=None)
    bad = [
        check
        for check in found
        if check.outcome not in (Outcome.PASSED, Outcome.WAIVED) and not card.recommended(check)
    ]
    undecided = [check for check in bad if check.outcome is Outcome.INCONCLUSIVE or check.fault is Fault.SUITE]
    waived = sum(check.outcome is Outcome.WAIVED for check in found)
    kind = "none" if len(found) == waived else "ok" if not bad else "open" if len(undecided) == len(bad) else "bad"
    return {
        "family": family,
        "kind": kind,
        "depth": 0 if kind == "none" or worst is None else 1 + int(worst >= 0.5) + int(worst >= 2),
        "mark": {"ok": "✓", "open": "?", "bad": "✗", "none": "○" if waived else "–"}[kind],
        "share": f"{len(found) - len(bad) - waived}/{len(found)}" if found else "",
        "worst": worst,
    }


def _families(card: Document) -> list[dict[str, Any]]:
    found = card.verdict.distance
    most = min(max([2.0, *(1.1 * one.worst for one in found.values() if math.isfinite(one.worst))]), 6.0)
    rows = []
    for family, one in found.items():
        bars = [
            (name, value, plots.bar(value, 1.0, most, f"{family}, {name}: {wording.times(value)}"))
            for name, value in (("median", one.median), ("worst", one.worst))
        ]
        rows.append({"family": family, "bars": bars, "check": one.check, "scenario": one.scenario})
    return rows


def _points(tested: Measurement | None, one: Sharpest) -> dict[str, list[plots.Point]]:
    """Return runs and references of a scenario: difference of the test score to the references', and the way."""
    forgot = one.measurement
    if tested is None or tested.references is None or tested.values is None or forgot.values is None:
        return {}
    assert forgot.original is not None
    assert forgot.references is not None
    start, gap, mean = forgot.original, forgot.original - forgot.references.mean, tested.references.mean
    return {
        name: [
            plots.Point(score - mean, (start - value) / gap)
            for score, value in zip(getattr(tested.values, name), getattr(forgot.values, name), strict=False)
        ]
        for name in ("originals", "references", "runs")
    }


def cloud_of(card: Document) -> dict[str, list[plots.Point]]:
    """Return the points of every scenario: originals, references and runs."""
    series: dict[str, list[plots.Point]] = {"originals": [], "references": [], "runs": []}
    found = mu_bench.figures(card)
    for one in sharpest(judged(card)):
        for name, points in _points(found.get(one.scenario, {}).get("D_t"), one).items():
            series[name] += points
    return series


def _mu_bench(card: Document) -> list[dict[str, Any]]:
    found = mu_bench.figures(card)
    return [
        {"scenario": scenario, "figures": [(figure, values.get(figure.key)) for figure in mu_bench.FIGURES]}
        for scenario, values in found.items()
    ]


def _costs(card: Document) -> list[dict[str, Any]]:
    """Return the cost of a call for each scenario, from the measurements of the checks of that family."""
    by_scenario: dict[str, list[Measurement]] = {}
    for check in card.checks:
        if check.family == "cost" and check.measurements:
            by_scenario.setdefault(check.scenario, []).extend(check.measurements)
    rows = []
    for scenario, found in by_scenario.items():
        share = next((one.value for one in found if one.key == "times_retraining"), None)
        most = max(1.2, min(share or 0.0, 6.0) * 1.1)
        drawn = None if share is None else plots.bar(share, 1.0, most, f"{share:.2f} times retraining")
        rows.append({"scenario": scenario, "share": share, "bar": drawn, "numbers": found})
    return rows


def readable(card: Document) -> Document:
    """Return the scorecard with the names and commands that a method or an own task wrote shortened."""

    def short(text: str) -> str:
        return wording.shortened(text, MOST_NAME)

    checks = tuple(
        dataclasses.replace(
            check,
            id=short(check.id),
            task=short(check.task),
            scenario=short(check.scenario),
            reproduce=short(check.reproduce),
            measurements=tuple(
                dataclasses.replace(one, name=short(one.name)) if len(one.name) > MOST_NAME else one
                for one in check.measurements
            ),
        )
        if max(map(len, (check.id, check.task, check.scenario, check.reproduce, *_names(check)))) > MOST_NAME
        else check
        for check in card.checks
    )
    verdict = dataclasses.replace(
        card.verdict,
        scope=tuple(map(short, card.verdict.scope)),
        distance={
            family: dataclasses.replace(one, check=short(one.check), scenario=short(one.scenario))
            for family, one in card.verdict.distance.items()
        },
    )
    method = {**card.method, "ref": short(str(card.method.get("ref", "a method")))}
    return dataclasses.replace(card, checks=checks, verdict=verdict, method=method)


def _names(check: Check) -> list[str]:
    return [measurement.name for measurement in check.measurements]


def _lacks(card: Document) -> list[str]:
    """Return the keys that a page needs and the scorecard does not have."""
    return [f"{part}.{key}" for part, keys in _EXPECTED.items() for key in keys if getattr(card, part).get(key) is None]


def _facts(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    def said(value: Any) -> str:
        text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)
        return wording.shortened(text, MOST_TEXT)

    return [
        (str(key).replace("_", " "), said(value))
        for key, value in record.items()
        if value not in (None, [], {}) and key not in _TOLD
    ]


def _packed(card: Document) -> tuple[str, bool]:
    """Return the scorecard as a link that saves it, compressed, and whether it is whole.

    The values of single models, which decide nothing, are left out where the page would become too large.
    """
    link = _link(card)
    if len(link) <= MOST_PACKED:
        return link, True
    checks = tuple(
        dataclasses.replace(
            check, measurements=tuple(dataclasses.replace(found, values=None) for found in check.measurements)
        )
        for check in card.checks
    )
    return _link(dataclasses.replace(card, checks=checks)), False


def _link(card: Document) -> str:
    plain = json.dumps(card.to_json(), separators=(",", ":"), allow_nan=False).encode()
    return f"data:application/gzip;base64,{base64.b64encode(gzip.compress(plain, mtime=0)).decode()}"


def render(card: Document) -> str:
    """Return the page of one scorecard."""
    packed, card = _packed(card), readable(card)
    hidden = (Outcome.NOT_RUN, Outcome.STALE_WAIVER)
    failures = [check for check in card.failures() if check.outcome not in hidden]
    undecided = [check for check in failures if check.outcome is Outcome.INCONCLUSIVE]
    failed = [check for check in failures if check.outcome not in (Outcome.INCONCLUSIVE, Outcome.ERROR)]
    errors = [check for check in failures if check.outcome is Outcome.ERROR]
    stale = [check for check in card.checks if check.outcome is Outcome.STALE_WAIVER]
    advised = [check for check in card.checks if card.recommended(check)]
    passed = [check for check in card.checks if check.outcome is Outcome.PASSED and check.required]
    shown = {id(check) for check in (*failures, *passed, *stale, *advised)}
    others = [check for check in card.checks if id(check) not in shown]
    cloud, counts, found = cloud_of(card), count(card), diagnose(card)
    return wording.clean(
        templates()
        .get_template("page.jinja")
        .render(
            card=card,
            suite=Known(card.suite),
            title=wording.shortened(str(card.method.get("ref", "a method")), 120),
            status=STATUS.get(card.verdict.status, ("open", card.verdict.status)),
            counts=counts,
            counted=wording.counted(counts),
            sentence=wording.verdict_sentence(card, counts),
            supports=wording.guarantee(card.verdict.supports),
            diagnosis=found,
            claims=wording.claimed(card),
            not_shown=wording.not_shown(card),
            families=_families(card),
            heat=_heat(card),
            family_names=FAMILIES,
            errors=[(wording.shortened(why, MOST_TEXT), group, _tracebacks(group)) for why, group in by_reason(errors)],
            sections=[
                ("failed", "Failed", _groups(card, failed)),
                ("stale", "Stale waivers", _groups(card, stale)),
                ("inconclusive", "Inconclusive", _groups(card, undecided)),
                ("recommendations", "Recommendations", _groups(card, advised)),
                ("passed", "Passed", _groups(card, passed, plots.COARSE if len(passed) > MANY else plots.WIDTH)),
            ],
            others=_rest(others),
            scatter=plots.scatter(cloud, "forgetting against utility: runs, retrained models and originals"),
            cloud=cloud,
            mu_bench=_mu_bench(card),
            figures=mu_bench.FIGURES,
            costs=_costs(card),
            power=card.suite.get("power") or [],
            waivers=[
                wording.shortened(f"{one.get('check')} on {one.get('scenario')}: {one.get('reason')}", MOST_TEXT)
                for one in card.waivers
            ],
            error_rates=wording.error_rates(card),
            facts=[(part, _facts(getattr(card, part))) for part in _EXPECTED],
            lacks=_lacks(card),
            packed=packed,
        )
    )


class Known(dict[str, Any]):
    """A part of a scorecard in which what is missing reads so."""

    def __missing__(self, key: str) -> str:
        return "(not recorded)"


def _tracebacks(checks: Sequence[Check]) -> str:
    """Return the first traceback of checks that could not be judged for one reason."""
    return next((wording.shortened(check.traceback, MOST_TRACEBACK) for check in checks if check.traceback), "")


def _rest(checks: Sequence[Check]) -> list[tuple[str, int, list[str]]]:
    """Return the checks that did not count, by outcome."""
    found: dict[str, list[str]] = {}
    for check in checks:
        name = _OUTCOMES[check.outcome][2] if check.outcome is not Outcome.PASSED else "passed, not required"
        found.setdefault(name, []).append(f"{check.id} on {check.scenario}")
    return [(name, len(listed), listed) for name, listed in found.items()]


def notebook(card: Document) -> str:
    """Return the page in a frame of its own, for a notebook: its style must not leak."""
    return str(
        Markup('<iframe title="mu-conformance" style="width:100%;height:80vh;border:0" srcdoc="{}"></iframe>').format(
            render(card)
        )
    )
