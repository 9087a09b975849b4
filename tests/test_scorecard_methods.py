"""Several methods side by side: the rows by hand, and their renders."""

from __future__ import annotations

import dataclasses

from cards import ENTRIES, FORGETTING, card, scorecard

from mu_conformance.protocol.claims import Claims
from mu_conformance.scorecard.document import Document
from mu_conformance.scorecard.renders import methods


def timed(cost: dict[str, tuple[float, float]], **kwargs) -> Document:
    """A scorecard whose scenarios took (times retraining, seconds of retraining)."""
    made = card(**kwargs)
    for entry in made["checks"]:
        if entry["id"] == "utility.test-score" or entry["scenario"] == "keyword_spotting/unit":
            ratio, retraining = cost[entry["scenario"]]
            entry["measurements"] += [
                {"name": "x", "key": "times_retraining", "value": ratio},
                {"name": "y", "key": "retraining_cpu_s", "value": retraining},
            ]
    return Document.from_json(made)


def test_a_row_by_hand():
    # 0.5 x 2 s + 0.1 x 8 s = 1.8 s, where retraining takes 10 s
    made = timed(
        {"sentiment/random-10%": (0.5, 2.0), "keyword_spotting/unit": (0.1, 8.0)},
        changed={FORGETTING: "failed", ENTRIES[5].key: "inconclusive"},
    )
    assert methods.method_rows([made]) == [
        {
            "method": "mypkg:Mine",
            "verdict": "nonconformant",
            "passed": "4/6",
            "contract": "2/2",
            "forgetting": "0/2",
            "privacy": "1/1",
            "utility": "1/1",
            "robustness": "-",
            "cost": "-",
            "x retraining": "0.18",
        }
    ]


def test_what_is_not_required_or_not_timed_is_a_dash():
    (row,) = methods.method_rows([scorecard(claims=Claims(tasks=("sentiment",)))])
    assert row["forgetting"] == "1/1"
    assert row["x retraining"] == "-"


def test_the_renders_have_a_row_for_each_method_in_their_order():
    cards = [scorecard(), scorecard({FORGETTING: "failed"})]
    cards[1] = dataclasses.replace(cards[1], method={**cards[1].method, "ref": "other:Longer_name"})
    heading, first, second = methods.terminal_lines(cards)
    assert heading.split()[:3] == ["method", "verdict", "passed"]
    assert first.split()[:3] == ["mypkg:Mine", "conformant", "6/6"]
    assert second.split()[:3] == ["other:Longer_name", "nonconformant", "5/6"]
    assert heading.index("verdict") == first.index("conformant") == second.index("nonconformant")
    table = [line for line in methods.render(cards).splitlines() if line.startswith("|")]
    assert table[2].startswith("| mypkg:Mine |")
    assert len(table) == 8  # verdicts, and MU-Bench's numbers; nothing was decided that has a distance
    assert table[2].startswith("| mypkg:Mine | conformant | 6/6 |")
    assert table[3].startswith("| other:Longer_name | nonconformant | 5/6 |")
    assert {line.count("|") for line in table[:4]} == {len(methods.COLUMNS) + 1}
