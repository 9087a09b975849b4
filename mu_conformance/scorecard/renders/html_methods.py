"""The page that compares several methods; a pure function of their scorecards."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from mu_conformance.scorecard import mu_bench, wording
from mu_conformance.scorecard.diagnosis import diagnose
from mu_conformance.scorecard.document import Document
from mu_conformance.scorecard.renders import methods, plots
from mu_conformance.scorecard.renders.html import STATUS, Known, cloud_of, readable, templates
from mu_conformance.scorecard.summary import FAMILIES, count

__all__ = ["render"]


def render(cards: Sequence[Document], links: Sequence[str | None] = ()) -> str:
    """Return the page that compares several methods; ``links`` has the address of each one's own page."""
    cards = [readable(card) for card in cards]
    labelled, clouds = [], {"references": list[plots.Point](), "runs": list[plots.Point]()}
    for card in cards:
        cloud = cloud_of(card)
        clouds["references"] += cloud["references"]
        runs = cloud["runs"]
        if runs:
            middle = plots.Point(
                statistics.median(point.x for point in runs), statistics.median(point.y for point in runs)
            )
            labelled.append((card, middle))
    clouds["references"] = clouds["references"][:: max(1, len(clouds["references"]) // 400)]
    numbers = {id(card): number for number, card in enumerate(cards, 1)}
    drawn = plots.scatter(
        {"references": clouds["references"], "runs": [point for _, point in labelled]},
        "forgetting against utility: the median of each method and the retrained models",
        [point for _, point in labelled],
    )
    return wording.clean(
        templates()
        .get_template("methods.jinja")
        .render(
            suite=Known(cards[0].suite),
            cards=[
                {
                    "number": number,
                    "card": card,
                    "link": links[number - 1] if number <= len(links) else None,
                    "status": STATUS.get(card.verdict.status, ("open", card.verdict.status)),
                    "counts": count(card),
                    "counted": wording.counted(count(card)),
                    "diagnosis": diagnose(card),
                    "row": row,
                }
                for number, (card, row) in enumerate(zip(cards, methods.method_rows(cards), strict=True), 1)
            ],
            families=[family for family in FAMILIES if any(family in card.verdict.distance for card in cards)],
            tasks=methods.task_distances(cards),
            mu_bench=methods.mu_bench_rows(cards),
            figures=mu_bench.FIGURES,
            differ=methods.differences(cards),
            scatter=drawn,
            labels=[numbers[id(card)] for card, _ in labelled],
        )
    )
