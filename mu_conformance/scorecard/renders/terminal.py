"""The terminal's last lines: what came out, read in ten seconds; or every check."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence

from mu_conformance.decision.outcome import Outcome
from mu_conformance.protocol.claims import Guarantee
from mu_conformance.scorecard.diagnosis import diagnose
from mu_conformance.scorecard.document import Check, Document
from mu_conformance.scorecard.summary import (
    by_check,
    by_reason,
    count,
    decisive,
    departure,
    level_notes,
    without_numbers,
    worst_first,
)
from mu_conformance.scorecard.wording import (
    clean,
    counted,
    deciding_runs,
    judged_requests,
    number,
    supported,
    times,
    whose,
)

__all__ = ["distances", "terminal_line", "terminal_lines"]

MOST = 8
"""Checks that are listed unless all are asked for."""
_LINES_OF_A_MESSAGE = 3
_UNDECIDED = (Outcome.ERROR, Outcome.INCONCLUSIVE)


def terminal_line(card: Document) -> str:
    """Return the method, its verdict and the counts in one line: all that a quiet run says of it."""
    status = card.verdict.status.replace("_", " ").upper()
    return _line(f"{card.method['ref']}   {status}   supports: {supported(card)}   {counted(count(card))}")


def distances(card: Document) -> str:
    """Return the worst distance of each family; empty if nothing was decided."""
    known = {family: one.worst for family, one in card.verdict.distance.items() if math.isfinite(one.worst)}
    found = [f"{family} {worst:.1f}" for family, worst in known.items()]
    return f"distance from retraining (1 = the margin)   {'   '.join(found)}" if found else ""


def terminal_lines(card: Document, width: int = 80, *, every: bool = False) -> list[str]:
    """Return the summary, no line wider than ``width`` except names and commands that cannot be broken.

    Args:
        card: the scorecard.
        width: columns of the terminal.
        every: True to list every check, not only the worst of those that did not pass.
    """
    lines = _columns(terminal_line(card), width, 3)
    lines += _wrapped(_unusual(card), width)
    if not card.complete:
        lines += _wrapped("partial run: what it did not judge may fail", width)
    lines += _columns(distances(card), width, 1)
    found = diagnose(card)
    lines += _wrapped(found.text, width)
    if every:
        lines += _every(card, width)
    else:
        stale = [check for check in card.checks if check.outcome is Outcome.STALE_WAIVER]
        lines += [f"  remove the stale waiver of {check.id} on {check.scenario}" for check in stale[:MOST]]
        hidden = (Outcome.NOT_RUN, Outcome.STALE_WAIVER)
        failures = [check for check in card.failures() if check.outcome not in hidden]
        errors = [check for check in failures if check.outcome is Outcome.ERROR]
        lines += _unjudged(errors, found.text, width)
        failed = [check for check in failures if check.outcome not in _UNDECIDED]
        lines += _broken([check for check in failed if decisive(check) is None], width)
        lines += _worst([check for check in failed if decisive(check) is not None], width)
        lines += _undecided(card, [check for check in failures if check.outcome is Outcome.INCONCLUSIVE], width)
    notes = level_notes(card)
    if notes:
        lines.append(f"recommendations, which decide nothing ({len(notes)}):")
        for note in notes[: None if every else 3]:
            lines += _wrapped(note, width, "  ", _LINES_OF_A_MESSAGE)
        if not every and len(notes) > 3:
            lines.append(f"  and {len(notes) - 3} more: -v lists them")
    return [_line(line) for line in lines]


def _unusual(card: Document) -> str:
    """Return what was claimed and how it was judged, where that is not the usual."""
    suite, claimed = card.suite, card.verdict.guarantee
    facts = [f"claimed: {claimed}"] if claimed != Guarantee.RETRAIN_EQUIVALENT else []
    claims = card.method.get("claims") or {}
    facts += [f"{name} {claims[name]}" for name in ("epsilon", "delta") if claims.get(name) is not None]
    facts += [f"profile {suite.get('profile')}"] if suite.get("profile") != "smoke" else []
    facts += ["published data"] if suite.get("data") == "hub" else []
    facts += [f"requests: {asked}"] if (asked := judged_requests(card)) else []
    recipe = suite.get("recipe") or {}
    facts += ["references by " + ", ".join(f"{name} {value}" for name, value in recipe.items())] if recipe else []
    also = [
        str(one.get("name"))
        for kind in ("plugins", "conftests", "configuration", "variables", "modules")
        for one in card.invocation.get(kind) or ()
        if isinstance(one, dict) and not one.get("known", True)
    ]
    facts += [f"also loaded: {', '.join(also[:5])}{' and more' if len(also) > 5 else ''}"] if also else []
    facts += ["strict: recommendations decide"] if suite.get("strict") else []
    return "   ".join(facts)


def _line(text: str) -> str:
    """Return a text as one line that a terminal can show, whatever a name or a message holds."""
    return clean(text).replace("\n", " ").replace("\t", " ")


def _columns(text: str, width: int, first: int) -> list[str]:
    """Return columns in one line, or else the first ones in a line and the others in another."""
    if len(text) <= width:
        return [text] if text else []
    columns = text.split("   ")
    return [*_wrapped("   ".join(columns[:first]), width), *_wrapped("   ".join(columns[first:]), width, "  ")]


def _wrapped(text: str, width: int, indent: str = "", most: int = 0) -> list[str]:
    """Return a text in lines; at most ``most``, the last of which then ends in ``...``."""
    # Runs of blanks separate columns and are kept.
    wrapper = textwrap.TextWrapper(
        width=max(width, 20),
        initial_indent=indent,
        subsequent_indent=indent or "  ",
        break_long_words=False,
        break_on_hyphens=False,
        max_lines=most or None,
        placeholder=" ...",
    )
    return wrapper.wrap(text) if text else []


def _unjudged(checks: Sequence[Check], told: str, width: int) -> list[str]:
    """Return why checks could not be judged, each reason once; one that was ``told`` is not told again."""
    lines: list[str] = []
    groups = by_reason(checks)
    for why, group in groups[:MOST]:
        what = "1 check" if len(group) == 1 else f"{len(group)} checks"
        first = group[0].id + (f" and {len(group) - 1} more" if len(group) > 1 else "")
        said = "" if without_numbers(why) in without_numbers(told) else f": {why}"
        lines += _wrapped(f"{what} had nothing to judge{whose(group[0])}, {first}{said}", width, "  ", 6)
    if len(groups) > MOST:
        lines.append(f"  and {len(groups) - MOST} more reasons: -v lists them, and so does the page")
    return lines


def _broken(checks: Sequence[Check], width: int) -> list[str]:
    """Return checks that failed on something other than a number, each message once."""
    lines: list[str] = []
    groups = by_reason(checks)
    for why, group in groups[:MOST]:
        more = f" and {len(group) - 1} more" if len(group) > 1 else ""
        text = f"{group[0].id} on {group[0].scenario}{more}: {group[0].outcome}. {why}"
        lines += _wrapped(text, width, "  ", _LINES_OF_A_MESSAGE)
    if len(groups) > MOST:
        lines.append(f"  and {len(groups) - MOST} more: -v lists them, and so does the page")
    return lines


def _worst(checks: Sequence[Check], width: int) -> list[str]:
    """Return the worst scenario of each check that failed."""
    groups = by_check(checks)
    shown = groups[:MOST]
    names = [found.name for group in shown if (found := decisive(group[0])) is not None]
    room = min(max(map(len, names), default=0), 44)
    wide = [line for group in shown for line in _entry(group[0], width, _more(group), room)]
    fits = all(len(line) <= width for line in wide)
    lines = wide if fits else [line for group in shown for line in _entry(group[0], width, _more(group))]
    if len(groups) > MOST:
        lines.append(f"  and {len(groups) - MOST} more checks failed: -v lists them, and so does the page")
    return lines


def _more(group: Sequence[Check]) -> str:
    return f" and {len(group) - 1} more" if len(group) > 1 else ""


def _undecided(card: Document, checks: Sequence[Check], width: int) -> list[str]:
    """Return the checks that are inconclusive, and what would decide each."""
    groups, lines = by_check(checks), []
    if groups:
        lines.append(f"inconclusive ({len(checks)}):")
    for group in groups[:MOST]:
        found = decisive(group[0])
        distance = "" if found is None else f", {times(found.departure)}"
        text = f"{group[0].id} on {group[0].scenario}{_more(group)}{distance}. {deciding_runs(card, group[0])}"
        lines += _wrapped(text, width, "  ", _LINES_OF_A_MESSAGE)
    if len(groups) > MOST:
        lines.append(f"  and {len(groups) - MOST} more: -v lists them, and so does the page")
    return lines


def _entry(check: Check, width: int, more: str = "", room: int = 0) -> list[str]:
    """Return the lines of one check on one scenario: its sharpest number, or else its message.

    With ``room``, the columns of a name, all stands in one line.
    """
    found = decisive(check)
    where = f"{check.scenario}{more}"
    if found is None or found.references is None:
        text = f"{check.id} on {where}: {check.outcome}{whose(check)}. {check.message}"
        return _wrapped(text, width, "  ", _LINES_OF_A_MESSAGE)
    original = "" if found.original is None else f"original {number(found.original)}"
    retrained = f"retrained {number(found.references.mean)}"
    numbers = f"{number(found.value):>9}   {retrained:<18} {original:<16} {times(found.departure)}"
    if room:
        return [f"  {found.name:<{room}}{numbers:<68}   {where}"]
    return [*_wrapped(f"{found.name}, {where}", width, "  "), *_wrapped(numbers.strip(), width, "    ")]


def _every(card: Document, width: int) -> list[str]:
    """Return every check: what did not pass first, with its message; then what passed, the nearest miss first."""
    lines: list[str] = []
    good = (Outcome.PASSED, Outcome.NOT_CLAIMED, Outcome.NOT_RUN, Outcome.WAIVED)
    bad = [check for check in card.checks if check.outcome not in good]
    for check in worst_first(bad):
        optional = "" if check.required else " (not required)"
        lines += [f"{check.outcome}{whose(check)}{optional}: {check.id} on {check.scenario}"]
        lines += _entry(check, width) if decisive(check) is not None else []
        lines += _wrapped(check.message, width, "    ")
        lines += _wrapped(deciding_runs(card, check), width, "    ")
    for outcome in good:
        chosen = [check for check in card.checks if check.outcome is outcome]
        for check in sorted(chosen, key=lambda check: -(departure(check) or 0.0)):
            distance = "" if departure(check) is None else f"   {times(departure(check))}"
            lines.append(f"{str(outcome).replace('_', ' ')}: {check.id} on {check.scenario}{distance}")
    return lines
