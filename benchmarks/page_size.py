"""Renders a page of the size of a whole thorough run, made from a smoke scorecard: bytes and seconds.

Every entry of the thorough manifest gets the measurements of a judged entry of the same check, with as many values as
the thorough profile has runs and references. Usage: ``python benchmarks/page_size.py SCORECARD [PAGE]``.
"""

from __future__ import annotations

import dataclasses
import itertools
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from mu_conformance.checks import manifest
from mu_conformance.decision.finding import Measurement, Values
from mu_conformance.scenarios.profiles import PROFILES
from mu_conformance.scorecard.document import Check
from mu_conformance.scorecard.renders import html
from mu_conformance.scorecard.scorecard import Scorecard
from mu_conformance.tasks import registry


def grown(values: Sequence[float], count: int) -> tuple[float, ...]:
    """Return ``count`` distinct values around those given."""
    turns = itertools.islice(itertools.cycle(values), count) if values else ()
    return tuple(float(f"{value * (1 + 0.001 * number):.5g}") for number, value in enumerate(turns))


def scaled(measurement: Measurement) -> Measurement:
    profile, found = PROFILES["thorough"], measurement.values
    if found is None:
        return measurement
    values = Values(
        grown(found.runs, profile.looks[0]),
        grown(found.references, profile.references),
        grown(found.originals, profile.looks[0]),
    )
    return dataclasses.replace(measurement, values=values)


def thorough(card: Scorecard) -> Scorecard:
    """Return a scorecard of every task under the thorough profile."""
    judged: dict[str, list[Check]] = {}
    for check in card.checks:
        judged.setdefault(check.id, []).append(check)
    checks = []
    for name in registry.task_names():
        task = registry.find_task(name)
        for number, entry in enumerate(manifest.entries(task, PROFILES["thorough"], 0, None)):
            alike = judged.get(entry.check, card.checks)
            template = alike[number % len(alike)]
            checks.append(
                dataclasses.replace(
                    template,
                    id=entry.check,
                    task=entry.task,
                    modality=entry.modality,
                    scenario=entry.scenario,
                    kind=entry.kind,
                    measurements=tuple(map(scaled, template.measurements)),
                )
            )
    return dataclasses.replace(card, checks=tuple(checks))


def main(arguments: Sequence[str]) -> None:
    card = thorough(Scorecard.load(arguments[0]))
    started = time.perf_counter()
    page = html.render(card)
    seconds = time.perf_counter() - started
    print(f"{len(card.checks)} checks, {len(page.encode()):,} bytes, {seconds:.2f} s")
    if len(arguments) > 1:
        Path(arguments[1]).write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
