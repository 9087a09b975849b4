"""Run ``mu-conformance explain``: show what a check decides and means, and how it came out in a scorecard."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mu_conformance import discovery
from mu_conformance.cli.command import CommandError
from mu_conformance.cli.scorecards import file_of, read, well_formed
from mu_conformance.cli.table import print_bold, wrapped
from mu_conformance.decision.outcome import Outcome, Sides

if TYPE_CHECKING:
    from mu_conformance.checks.catalogue import Check
    from mu_conformance.decision.finding import Measurement
    from mu_conformance.scorecard.document import Check as Judged

__all__ = ["print_check", "register"]

HEADINGS = ("Why", "Decision", "Level", "If it fails", "Try", "References")
"""Headings of a check's docstring."""
SHOWN_FIRST = (Outcome.FAILED, Outcome.ERROR, Outcome.INCONCLUSIVE, Outcome.STALE_WAIVER, Outcome.WAIVED)
"""Outcomes in the order in which they are shown; passed and the rest follow."""
NEGLIGIBLE = 0.05
"""Departure in margins below which its side is not said."""
MEANING, ADVICE = "What it means", "What to try"
"""Titles below the results."""
INDENT = 2
"""Columns by which whatever belongs to a title is indented."""


def register(commands: Any) -> None:
    """Add the command."""
    explain = commands.add_parser(
        "explain", help="show what a check decides, what a failure means and what to try; with a scorecard, its result"
    )
    explain.add_argument("check", metavar="CHECK", help="id of a check, such as privacy.membership-loss")
    explain.add_argument(
        "scorecard", type=Path, nargs="?", metavar="SCORECARD", help="scorecard, journal, or the folder that holds one"
    )
    explain.set_defaults(run=_explain)


def _explain(options: argparse.Namespace) -> int:
    from mu_conformance.checks import find_check
    from mu_conformance.scorecard import wording

    check = find_check(options.check)
    if options.scorecard is None:
        print_check(check)
        return 0
    path = file_of(options.scorecard)
    with well_formed(path):
        scorecard = read(path)
        judged = sorted((one for one in scorecard.checks if one.id == check.id), key=_urgency)
        if not judged:
            raise CommandError(f"{path} has no result of {check.id}: no scenario of that run has the check")
        # Everything is laid out before anything is printed: a malformed scorecard gives one line of error.
        title = wording.clean(f"In {path}, of {scorecard.method['ref']}")
        lines = [*_results(judged), *_what_now(check, judged)]
    print_check(check)
    print()
    print_bold(title)
    for line in lines:
        if line.startswith(" "):
            print(line)
        else:
            print_bold(line)
    return 0


# -- the page ---------------------------------------------------------------------------------------------------------


def print_check(check: Check) -> None:
    """Print a check's page: id, assertion, the text under each heading, and the controls that must fail it."""
    print_bold(check.id)
    print(*wrapped(_unmarked(check.summary)), sep="\n")
    for heading in HEADINGS:
        print()
        print_bold(heading)
        for paragraph in re.split(r" (?=(?:Above|Below) the references:)", check.section(heading)):
            print(*wrapped(_unmarked(paragraph), INDENT), sep="\n")
    print()
    print_bold("Controls that must fail it")
    for name in _controls(check.id) or ["none"]:
        print(f"{' ' * INDENT}{name}")


def _unmarked(text: str) -> str:
    """Return a docstring's text without the marks of code and emphasis."""
    return re.sub(r"`+|\*\*", "", text)


def _controls(check: str) -> list[str]:
    """Return the names of the controls that a check must catch."""
    found = discovery.members("mu_conformance.controls")
    return [name for name, control in found.items() if control.caught_by == check]  # type: ignore[attr-defined]


# -- the result in a scorecard ----------------------------------------------------------------------------------------


def _urgency(judged: Judged) -> tuple[int, float]:
    """Return a key by which the worst result sorts first."""
    last = len(SHOWN_FIRST) + (judged.outcome is not Outcome.PASSED)
    rank = SHOWN_FIRST.index(judged.outcome) if judged.outcome in SHOWN_FIRST else last
    return rank, -max((one.departure or 0.0 for one in judged.measurements), default=0.0)


def _outcome(judged: Judged) -> str:
    """Return the outcome in words."""
    return str(judged.outcome).replace("_", " ")


def _results(judged: Iterable[Judged]) -> list[str]:
    """Return the lines on each scenario."""
    from mu_conformance.scorecard import wording

    lines = []
    for one in judged:
        # A method's exception may hold anything; control characters must not reach the terminal.
        lines += ["", *wrapped(wording.clean(f"{_outcome(one)}: {one.scenario}{wording.whose(one)}"))]
        for measurement in one.measurements:
            if measurement.margin is not None:
                lines += wrapped(wording.clean(_numbers(measurement)), INDENT, INDENT)
        for paragraph in wording.clean(one.message).splitlines():
            lines += wrapped(paragraph, INDENT)
        # Neither a traceback nor a command survives wrapping.
        lines += [f"{' ' * INDENT}{line}" for line in wording.clean(one.traceback).rstrip().splitlines()]
        if one.reproduce and one.outcome not in (Outcome.PASSED, Outcome.NOT_CLAIMED):
            lines.append(f"{' ' * INDENT}judge it again: {wording.clean(one.reproduce)}")
    return lines


def _numbers(measurement: Measurement) -> str:
    """Return a measurement in one line."""
    from mu_conformance.scorecard.wording import number, times

    runs = f" ({_counted(measurement.runs, 'run')})" if measurement.runs else ""
    parts = [f"{number(measurement.value)}{runs}"]
    references = measurement.references
    if references is not None:
        spread = f"± {number(references.sd)}, {_counted(references.n, 'model')}"
        parts.append(f"retrained {number(references.mean)} ({spread})")
    if measurement.original is not None:
        parts.append(f"original {number(measurement.original)}")
    parts.append(f"margin {number(measurement.margin)}")
    line = f"{measurement.name}: {', '.join(parts)}"
    difference = measurement.difference
    if difference is None or not measurement.margin:
        return line
    margins = abs(difference) / measurement.margin
    if margins < NEGLIGIBLE:
        return f"{line}; {times(margins)} from the references"
    side = "above" if difference > 0 else "below"
    uncounted = "" if measurement.departure else ", which does not count"
    return f"{line}; {times(margins)} {side} the references{_towards(measurement)}{uncounted}"


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _towards(measurement: Measurement) -> str:
    """Return whether a measurement departs towards the original, as the end of a phrase; empty if that is unknown."""
    if measurement.original is None or not math.isfinite(measurement.original) or not measurement.distance:
        return ""
    return ", towards the original" if measurement.distance > 0 else ", away from the original"


def _what_now(check: Check, judged: Sequence[Judged]) -> list[str]:
    """Return what went wrong means, on the sides that were seen, and what to try; nothing if nothing went wrong."""
    bad = [one for one in judged if one.outcome in (Outcome.FAILED, Outcome.INCONCLUSIVE, Outcome.WAIVED)]
    if not bad:
        broken = any(one.outcome is Outcome.ERROR for one in judged)
        said = "Nothing could be decided where the outcome is error. The message says why."
        return ["", MEANING, *wrapped(said, INDENT)] if broken else []
    sides: list[bool | None] = [side for one in bad for side in _sides(one)]
    meanings = dict.fromkeys(check.meaning(side) for side in sides or [None])
    lines = [line for meaning in meanings for line in wrapped(_unmarked(meaning), INDENT)]
    return ["", MEANING, *lines, "", ADVICE, *wrapped(_unmarked(check.advice), INDENT)]


def _sides(judged: Judged) -> list[bool]:
    """Return on which sides of the references a result lies outside the margin: True for above.

    If no mean is outside, the measurement that departs most counts.
    """
    departures = [(departure, one) for one in judged.measurements if (departure := one.departure) is not None]
    edge = min([1.0, max((departure for departure, _ in departures), default=0.0)])
    return [_above(one) for departure, one in departures if departure >= edge]


def _above(measurement: Measurement) -> bool:
    """Return whether a measurement departs upwards; where one side counts, that side."""
    if measurement.sides is Sides.BOTH:
        return (measurement.difference or 0.0) > 0
    return measurement.sides is Sides.ABOVE
