"""The table of controls and checks in docs/validity.md, from hand-made scorecards."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from cards import FORGETTING, card

from mu_conformance.checks import catalogue
from mu_conformance.scorecard import document

SCENARIO = FORGETTING[1]
FINITE = ("contract.finite", "sentiment/contract")
MEMBERSHIP = ("privacy.membership-loss", SCENARIO)


def control(check: str, **attributes: str) -> SimpleNamespace:
    return SimpleNamespace(caught_by=check, **attributes)


@pytest.fixture
def kill_matrix(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "benchmarks"))
    import kill_matrix

    return kill_matrix


def test_a_row_counts_judgements_and_marks_the_named_check(kill_matrix):
    cards = [card({FORGETTING: "failed", MEMBERSHIP: "failed"}), card({FORGETTING: "failed"}), card()]
    name, named, caught, contract, forgetting, privacy, *others = kill_matrix.row(
        "Mine", control("forgetting.score"), cards
    )
    assert (name, named, caught) == ("Mine", "forgetting.score", "**2** of 3")
    assert (contract, forgetting, privacy) == ("", "**score 2**", "membership-loss 1")
    assert set(others) == {""}


def test_an_error_is_no_failure(kill_matrix):
    row = kill_matrix.row("Mine", control("contract.finite"), [card({FINITE: "error"})])
    assert row[2:4] == ["**0** of 1", "(errors 1)"]


def test_inconclusive_is_no_failure(kill_matrix):
    assert kill_matrix.row("Mine", None, [card({FORGETTING: "inconclusive"})]) == ["Mine", "-", "-", *[""] * 6]


def test_a_named_check_that_is_not_required_was_not_asked(kill_matrix):
    assert kill_matrix.row("Mine", control("cost.wall-clock"), [card()])[2] == "not asked"


def test_a_kind_that_is_not_judged_was_not_asked(kill_matrix):
    in_turn, of_random = (control("forgetting.score", kind=kind) for kind in ("sequential", "random"))
    cards = [card({FORGETTING: "failed"})]
    assert kill_matrix.row("Mine", in_turn, cards)[2] == "not asked"
    assert kill_matrix.row("Mine", of_random, cards)[2] == "**1** of 1"


def test_a_table_for_each_task_and_what_no_control_names(kill_matrix):
    text = kill_matrix.matrix({"sentiment": {"Mine": [card()]}}, {"Mine": control("contract.finite")})
    assert "`sentiment`, 1 judgements each." in text
    assert "| Mine | contract.finite | **0** of 1 |" in text
    unnamed = text.rpartition("names: ")[2]
    assert "contract.finite" not in unnamed
    assert unnamed.count(",") == len(catalogue()) - 2


def test_only_what_was_judged_is_gathered(kill_matrix, tmp_path):
    path = kill_matrix.card_path("package:Mine", "sentiment", 1000, tmp_path)
    path.parent.mkdir(parents=True)
    document.write(card(), path)
    found = kill_matrix.gather(["package:Mine", "package:Other"], ["sentiment", "tabular"], range(1000, 1003), tmp_path)
    assert {task: {name: len(cards) for name, cards in own.items()} for task, own in found.items()} == {
        "sentiment": {"Mine": 1}
    }


def test_the_page_has_a_place_for_it(kill_matrix, tmp_path, monkeypatch):
    page = tmp_path / "page.md"
    page.write_text("no place here\n")
    path = kill_matrix.card_path(kill_matrix.METHODS[0], "sentiment", 1000, tmp_path)
    path.parent.mkdir(parents=True)
    document.write(card(), path)
    arguments = ["--made", "--task", "sentiment", "--work", str(tmp_path), "--output", str(page)]
    monkeypatch.setattr(sys, "argv", ["kill_matrix.py", *arguments])
    with pytest.raises(SystemExit, match="has no place for it"):
        kill_matrix.main()
    page.write_text(f"before\n{kill_matrix.BEGIN}\nold\n{kill_matrix.END}\nafter\n")
    kill_matrix.main()
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "old" not in text
    assert "| Retrain | - | - |" in text
