"""The Markdown render of a scorecard, for the summary of a CI job."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mu_conformance.decision.finding import Measurement
from mu_conformance.decision.outcome import Outcome
from mu_conformance.scorecard import mu_bench
from mu_conformance.scorecard.diagnosis import diagnose
from mu_conformance.scorecard.document import Check, Document
from mu_conformance.scorecard.summary import by_check, by_reason, count, decisive, headline, level_notes, task_rows
from mu_conformance.scorecard.wording import clean, counted, error_rates, number, shortened, supported, whose

__all__ = ["cell", "render", "table"]

_FAMILIES = ("forgetting", "privacy", "utility", "robustness", "cost", "contract")
_MOST_TEXT = 400


def cell(text: object) -> str:
    """Return a text that neither breaks a table nor becomes markup."""
    safe = clean(str(text)).replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ")
    return safe.replace("<", "&lt;").replace("`", "'")


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return a table's lines, an empty one after it."""
    lines = [f"| {' | '.join(headings)} |", f"|{' --- |' * len(headings)}"]
    return [*lines, *(f"| {' | '.join(row)} |" for row in rows), ""]


def render(scorecard: Document) -> str:
    """Return the scorecard as Markdown, a pure function of it."""
    suite, verdict = scorecard.suite, scorecard.verdict
    lines = [f"# mu-conformance: {cell(scorecard.method['ref'])} is {verdict.status.replace('_', ' ')}", ""]
    lines += [f"{counted(count(scorecard))}; supports {supported(scorecard)}.", ""]
    lines += [f"**{cell(diagnose(scorecard).text)}.**", "", cell(headline(scorecard)), ""]
    if verdict.distance:
        lines += table(
            ("distance from retraining, in margins", "median", "worst", "where"),
            (
                (family, f"{found.median:.2f}", f"{found.worst:.2f}", f"{cell(found.check)} on {cell(found.scenario)}")
                for family, found in verdict.distance.items()
            ),
        )
    lines += table(
        ("scenario", *_FAMILIES, "power"),
        ((cell(row["scenario"]), *(row[family] for family in _FAMILIES), row["power"]) for row in task_rows(scorecard)),
    )
    lines += [
        "Each cell: checks passed of checks required. Power: how many reference standard deviations lie between the "
        "originals and the references on the sharpest forgetting measure; no less than 6 can judge.",
        "",
        *_bad(scorecard),
        *_waived(scorecard),
        *_recommended(scorecard),
        *_mu_bench(scorecard),
    ]
    level, looks = suite.get("level"), suite.get("looks") or ["?"]
    at = f", intervals at {100 * level:.1f} %" if isinstance(level, int | float) else ""
    lines += [
        f"Suite {suite.get('version')}, profile {suite.get('profile')}, {suite.get('references')} references, "
        f"runs at most {looks[-1]}{at}. Generated {scorecard.generated_at}.",
        *(cell(line) for line in error_rates(scorecard)),
    ]
    return "\n".join([*lines, ""])


def _bad(card: Document) -> list[str]:
    """Return what did not pass: decided checks as a table, the others with their message."""
    failures = [check for check in card.failures() if card.complete or check.outcome is not Outcome.NOT_RUN]
    bad = by_check(check for check in failures if check.outcome is not Outcome.ERROR)
    errors = by_reason(check for check in failures if check.outcome is Outcome.ERROR)
    if not failures:
        return []
    decided = [(group, found) for group in bad if (found := decisive(group[0])) is not None]
    lines = ["## Not passed", ""]
    if decided:
        headings = ("check", "worst on", "statistic", "method", "retrained", "original", "in margins")
        lines += table(headings, (_decided(group, found) for group, found in decided))
    for group in bad:
        if decisive(group[0]) is None:
            check, message = group[0], cell(shortened(group[0].message, _MOST_TEXT))
            lines.append(f"- **{check.id}** on {_where(group)}: {check.outcome}{whose(check)}. {message}")
    for why, group in errors:
        more = f" and {len(group) - 1} more" if len(group) > 1 else ""
        first = f"**{group[0].id}** on {cell(group[0].scenario)}{more}"
        lines.append(f"- {first}: nothing to judge{whose(group[0])}. {cell(shortened(why, _MOST_TEXT))}")
    command = clean((bad[0][0] if bad else failures[0]).reproduce).replace("`", "'").replace("\n", " ")
    return [*lines, "", f"Judge the first again: `{command}`", ""]


def _where(group: Sequence[Check]) -> str:
    return cell(group[0].scenario) + (f" and {len(group) - 1} more" if len(group) > 1 else "")


def _decided(group: Sequence[Check], found: Measurement) -> tuple[str, ...]:
    check = group[0]
    name = check.id if check.outcome is Outcome.FAILED else f"{check.id} ({check.outcome}{whose(check)})"
    retrained = "-" if found.references is None else number(found.references.mean)
    numbers = (number(found.value), retrained, number(found.original), number(found.departure))
    return (cell(name), _where(group), cell(found.name), *numbers)


def _waived(card: Document) -> list[str]:
    found = [check for check in card.checks if check.outcome is Outcome.WAIVED]
    lines = [
        f"- **{check.id}** on {cell(check.scenario)}: {cell(shortened(check.message, _MOST_TEXT))}" for check in found
    ]
    return ["## Waived", "", *lines, ""] if found else []


def _recommended(card: Document) -> list[str]:
    notes = [f"- {cell(shortened(note, _MOST_TEXT))}" for note in level_notes(card)]
    if not notes:
        return []
    return ["## Recommendations", "", "These decide nothing. With `--mu-strict` they do.", "", *notes, ""]


def _mu_bench(card: Document) -> list[str]:
    """Return MU-Bench's numbers, those of retrained models beside them."""
    found = mu_bench.figures(card)
    shown = [figure for figure in mu_bench.FIGURES if any(figure.key in values for values in found.values())]
    if not shown:
        return []
    rows = (
        (cell(scenario), *(_beside(values.get(figure.key)) for figure in shown)) for scenario, values in found.items()
    )
    said = ["## MU-Bench's numbers", "", "Each cell: the method / retrained models.", ""]
    return [*said, *table(("scenario", *(figure.short for figure in shown)), rows)]


def _beside(found: Measurement | None) -> str:
    if found is None:
        return "-"
    return number(found.value) + (f" / {number(found.references.mean)}" if found.references else "")
