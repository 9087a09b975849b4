"""Plots of a page, as inline SVG without text: they stretch to any width, and their words are the page's own.

A mark is a path of no length with a round cap and a stroke that does not scale, so that it stays a dot however wide the
plot is drawn. Every number comes from a scorecard and is finite; no text of a user gets into a path.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterable, Mapping, Sequence

from markupsafe import Markup

from mu_conformance.decision.finding import Measurement
from mu_conformance.decision.outcome import Sides
from mu_conformance.scorecard.wording import number

__all__ = ["COARSE", "Point", "Strip", "bar", "scatter", "strip"]

WIDTH = 200
"""Width of a strip plot in its own units, finer than the width of a mark."""
COARSE = 80
"""Width of a strip plot of a check that passed, on a page with many."""
FINE = 1000
"""Width and height of a scatter plot in its own units."""
LANES = {"originals": 10, "references": 30, "runs": 50}
"""Heights of the rows of a strip plot."""
CLASSES = {"originals": "o", "references": "r", "runs": "m"}
"""Classes that style them."""
HEIGHT = 60
_FAR = 3.0
"""Runs further from the rest than this many times its range are drawn at the edge."""
_MOST_MARKS = 200


@dataclasses.dataclass(frozen=True)
class Strip:
    """A strip plot and the ends of its axis."""

    svg: Markup
    low: str
    high: str
    label: str
    off_scale: bool
    """Whether some run lies beyond the axis."""


def _finite(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None and math.isfinite(value)]


def _single(measurement: Measurement) -> dict[str, list[float]]:
    """Return the values of single models; of a scorecard without them the means."""
    found, references = measurement.values, measurement.references
    runs, others, originals = (found.runs, found.references, found.originals) if found else ((), (), ())
    return {
        "originals": _finite(originals or (measurement.original,))[:_MOST_MARKS],
        "references": _finite(others or ((references.mean,) if references else ()))[:_MOST_MARKS],
        "runs": _finite(runs or (measurement.value,))[:_MOST_MARKS],
    }


def label(measurement: Measurement) -> str:
    """Return what a plot shows, for those who do not see it."""
    references = measurement.references
    parts = [f"{measurement.name}: runs {number(measurement.value)}"]
    if references is not None:
        parts.append(f"retrained {number(references.mean)}")
    if measurement.original is not None:
        parts.append(f"original {number(measurement.original)}")
    if measurement.margin is not None:
        parts.append(f"margin {number(measurement.margin)}")
    return ", ".join(parts)


def strip(measurement: Measurement, width: int = WIDTH) -> Strip | None:
    """Return originals, references and runs of a decided measurement, with the margin band; None without numbers.

    ``width`` is how many places there are for marks; marks on one place are drawn once, so that fewer take fewer bytes.
    """
    references, values = measurement.references, _single(measurement)
    if references is None or not math.isfinite(references.mean) or not values["runs"]:
        return None
    mean, margin = references.mean, measurement.margin if measurement.margin else 0.0
    margin = margin if math.isfinite(margin) else 0.0
    rest = [*values["originals"], *values["references"], mean - margin, mean + margin]
    low, high = min(rest), max(rest)
    span = (high - low) or abs(mean) or 1.0
    low = max(min(low, *values["runs"]), low - _FAR * span)
    high = min(max(high, *values["runs"]), high + _FAR * span)
    low, high = low - 0.03 * (high - low or span), high + 0.03 * (high - low or span)

    def at(value: float) -> str:
        place = width * (value - low) / (high - low)
        return f"{min(max(place, 0), width):.0f}"

    # the band is where an interval of the difference may lie
    sides = measurement.sides or Sides.BOTH
    left = "0" if sides is Sides.ABOVE else at(mean - margin)
    right = str(width) if sides is Sides.BELOW else at(mean + margin)
    parts = [f'<rect x="{left}" width="{max(int(right) - int(left), 1)}" height="{HEIGHT}"/>']
    parts.append(f'<path class="a" d="M{at(mean)} 0V{HEIGHT}"/>')
    for name, height in LANES.items():
        places = {int(at(value)) for value in values[name] if low <= value <= high}
        if places:
            parts.append(f'<path class="{CLASSES[name]}" d="{_marks(sorted(places), height)}"/>')
    interval = measurement.interval
    if interval is not None and math.isfinite(interval.low) and math.isfinite(interval.high):
        y = LANES["runs"]
        parts.append(f'<path class="i" d="M{at(mean + interval.low)} {y}H{at(mean + interval.high)}"/>')
    off = [value for value in values["runs"] if not low <= value <= high]
    for beyond, tip, back in (
        (any(value < low for value in off), 0.005, 0.015),
        (any(value > high for value in off), 0.995, 0.985),
    ):
        if beyond:
            parts.append(f'<path class="beyond" d="M{width * back:g} 44L{width * tip:g} 50L{width * back:g} 56"/>')
    said = label(measurement)
    svg = Markup(
        '<svg class="strip" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">{}</svg>'
    ).format(width, HEIGHT, said, Markup("".join(parts)))
    return Strip(svg, number(low), number(high), said, bool(off))


def _marks(places: Sequence[int], height: int) -> str:
    """Return a path of closed points, neighbours joined to a line; each is told by its distance to the one before."""
    path, end = f"M0 {height}", 0
    for _, group in itertools.groupby(enumerate(places), lambda pair: pair[1] - pair[0]):
        joined = [place for _, place in group]
        path += f"m{joined[0] - end} 0" + (f"h{joined[-1] - joined[0]}" if len(joined) > 1 else "z")
        end = joined[-1]
    return path


@dataclasses.dataclass(frozen=True)
class Point:
    """A mark of a scatter plot."""

    x: float
    y: float


@dataclasses.dataclass(frozen=True)
class Scatter:
    """A scatter plot, its axes' ends and where its labels go, in per cent from left and top."""

    svg: Markup
    x: tuple[str, str]
    y: tuple[str, str]
    lines: tuple[float, float]
    """Where y = 0 and y = 1 lie, in per cent from the top."""
    centre: float
    """Where x = 0 lies, in per cent from the left."""
    places: tuple[tuple[float, float], ...]
    """Where each labelled point lies, in per cent from left and top."""


def scatter(series: Mapping[str, Sequence[Point]], said: str, labelled: Sequence[Point] = ()) -> Scatter | None:
    """Return a scatter plot of named series; x is a difference of scores, y the way from original to retraining.

    Args:
        series: points by the class that styles them, drawn in this order.
        said: what the plot shows, for those who do not see it.
        labelled: points that get a label of the page.
    """
    points = [point for found in series.values() for point in found] + list(labelled)
    points = [point for point in points if math.isfinite(point.x) and math.isfinite(point.y)]
    if not points:
        return None
    xs = sorted(max(-1.5, min(1.5, point.x)) for point in points)
    ys = sorted(max(-1.0, min(3.0, point.y)) for point in points)
    left, right = min(xs[0], -0.05), max(xs[-1], 0.05)
    bottom, top = min(ys[0], -0.1), max(ys[-1], 1.1)
    pad_x, pad_y = 0.06 * (right - left), 0.05 * (top - bottom)
    left, right, bottom, top = left - pad_x, right + pad_x, bottom - pad_y, top + pad_y

    def across(value: float) -> float:
        return min(max((value - left) / (right - left), 0.0), 1.0)

    def down(value: float) -> float:
        return min(max((top - value) / (top - bottom), 0.0), 1.0)

    parts = [f'<path class="grid" d="M{FINE * across(0):.0f} 0V{FINE}"/>']
    parts += [f'<path class="grid" d="M0 {FINE * down(y):.0f}H{FINE}"/>' for y in (0.0, 1.0)]
    for name, found in series.items():
        finite = [point for point in found if math.isfinite(point.x) and math.isfinite(point.y)]
        marks = "".join(f"M{FINE * across(point.x):.0f} {FINE * down(point.y):.0f}h0" for point in finite)
        if marks:
            parts.append(f'<path class="{CLASSES.get(name, name)}" d="{marks}"/>')
    svg = Markup(
        '<svg class="scatter" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">{}</svg>'
    ).format(FINE, FINE, said, Markup("".join(parts)))
    places = _apart([(100 * across(point.x), 100 * down(point.y)) for point in labelled])
    return Scatter(
        svg,
        (f"{left:+.2f}", f"{right:+.2f}"),
        (f"{100 * bottom:.0f} %", f"{100 * top:.0f} %"),
        (round(100 * down(0.0), 1), round(100 * down(1.0), 1)),
        round(100 * across(0.0), 1),
        places,
    )


def _apart(places: Sequence[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    """Move labels off each other, up or down, in per cent; each stays as near its point as it can."""
    wide, high = 3.0, 7.0
    placed: list[tuple[float, float]] = []
    for x, y in places:
        steps = [0.0, *(sign * high * number for number in range(1, 20) for sign in (-1, 1))]
        free = [
            y + step
            for step in steps
            if 3 <= y + step <= 97 and all(abs(x - a) >= wide or abs(y + step - b) >= high for a, b in placed)
        ]
        placed.append((x, free[0] if free else y))
    return tuple((round(x, 1), round(y, 1)) for x, y in placed)


def bar(value: float, edge: float, most: float, said: str) -> Markup:
    """Return a horizontal bar from 0 to ``value`` on an axis up to ``most``, with a line at ``edge``."""
    if not math.isfinite(value) or most <= 0:
        return Markup("")
    length = WIDTH * min(max(value / most, 0.0), 1.0)
    kind = "over" if value > edge else "within"
    return Markup(
        '<svg class="bar" viewBox="0 0 {w} 10" preserveAspectRatio="none" role="img" aria-label="{said}">'
        '<rect class="track" width="{w}" height="10"/><rect class="{kind}" width="{length}" height="10"/>'
        '<path class="edge" d="M{edge} 0V10"/></svg>'
    ).format(w=WIDTH, said=said, kind=kind, length=f"{max(length, 1):.1f}", edge=f"{WIDTH * edge / most:.0f}")
