"""Verdicts on fresh models and the table of controls and checks in docs/validity.md, from hand-made scorecards."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from cards import FORGETTING, card

from mu_conformance.checks import catalogue

SCENARIO = FORGETTING[1]
FINITE = ("contract.finite", "sentiment/contract")
MEMBERSHIP = ("privacy.membership-loss", SCENARIO)
METHOD, CONTROL = "package:Mine", "package.controls:Cheat"


@pytest.fixture
def verdicts(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "benchmarks"))
    import verdicts

    return verdicts


@pytest.fixture
def kill_matrix(verdicts):
    import kill_matrix

    return kill_matrix


@pytest.fixture
def record(verdicts, kill_matrix, monkeypatch):
    """Makes a judgement of METHOD, or with ``control`` of CONTROL."""

    def of(changed: dict | None = None, control: SimpleNamespace | None = None, exit_code: int = 1, seed: int = 1000):
        for module in (verdicts, kill_matrix):
            monkeypatch.setattr(module, "control_of", lambda method: control if method == CONTROL else None)
        method = CONTROL if control else METHOD
        return verdicts.record_of(card(changed), method, "sentiment", seed, exit_code, "abc1234")

    return of


def control(check: str, **attributes: str) -> SimpleNamespace:
    return SimpleNamespace(caught_by=check, **attributes)


class TestRecord:
    def test_what_is_kept_of_a_scorecard(self, record):
        found = record({FORGETTING: "failed", FINITE: "error"})
        assert found["not_passed"] == {"contract.finite": ["error"], "forgetting.score": ["failed"]}
        assert (found["required"], found["status"], found["named"], found["profile"]) == (
            6,
            "nonconformant",
            None,
            "smoke",
        )

    def test_a_method_is_right_if_conformant(self, record, verdicts):
        assert verdicts.right(record(exit_code=0)) is True
        assert verdicts.right(record(exit_code=1)) is False
        assert verdicts.right(record({FORGETTING: "inconclusive"}, exit_code=0)) is False

    def test_a_control_is_right_if_its_check_failed(self, record, verdicts):
        named = control("forgetting.score")
        assert verdicts.right(record({FORGETTING: "failed"}, named)) is True
        assert verdicts.right(record({MEMBERSHIP: "failed"}, named)) is False
        assert verdicts.right(record({FORGETTING: "inconclusive"}, named)) is False
        assert verdicts.right(record({FORGETTING: "failed"}, named, exit_code=0)) is False

    def test_a_check_that_was_not_asked_says_nothing(self, record, verdicts):
        assert verdicts.right(record(control=control("cost.wall-clock"))) is None
        assert verdicts.right(record({FORGETTING: "failed"}, control("forgetting.score", kind="sequential"))) is None
        assert verdicts.right(record({FORGETTING: "failed"}, control("forgetting.score", kind="random"))) is True

    def test_judgements_are_kept_and_read(self, record, verdicts, tmp_path):
        path = tmp_path / "verdicts.json"
        first, second = record(seed=1001), record(seed=1000)
        verdicts.keep(first, path)
        verdicts.keep(second, path)
        verdicts.keep(second, path)
        assert list(verdicts.read(path).values()) == [second, first]
        assert len(path.read_text().splitlines()) == 4

    def test_a_judgement_that_was_cut_off_is_found_in_the_work_folder(self, record, verdicts, tmp_path):
        record()
        folder = tmp_path / "Mine" / "sentiment-1000"
        folder.mkdir(parents=True)
        (folder / "scorecard.json").write_text(json.dumps(card({FORGETTING: "failed"})))
        (folder / "exit").write_text("1")
        found = verdicts.judge(METHOD, "sentiment", 1000, tmp_path, "abc1234")
        assert found == record({FORGETTING: "failed"})


class TestOneCheckAlone:
    @pytest.fixture
    def alone(self, verdicts):
        return lambda changed=None: verdicts.record_alone(
            card(changed), METHOD, "sentiment", 1000, "forgetting.score", "abc1234"
        )

    def test_what_becomes_of_other_checks_does_not_count(self, alone, verdicts):
        assert alone({FINITE: None, MEMBERSHIP: "failed"})["outcomes"] == ["passed"]
        assert verdicts.right(alone({FINITE: None, MEMBERSHIP: "failed"})) is True
        assert verdicts.right(alone({FORGETTING: "inconclusive"})) is False

    def test_a_control_is_right_if_it_names_that_check_and_it_failed(self, alone, record, verdicts):
        cheat = {"method": CONTROL}
        record(control=control("forgetting.score"))
        assert verdicts.right({**alone({FORGETTING: "failed"}), **cheat}) is True
        assert verdicts.right({**alone(), **cheat}) is False
        record(control=control("contract.finite"))
        assert verdicts.right({**alone({FORGETTING: "failed"}), **cheat}) is None

    def test_it_stands_beside_the_whole_judgement_and_has_a_row_of_its_own(
        self, alone, record, verdicts, kill_matrix, tmp_path
    ):
        whole, path = record(exit_code=0), tmp_path / "verdicts.json"
        for made in (whole, alone()):
            verdicts.keep(made, path)
        assert list(verdicts.read(path).values()) == [whole, alone()]
        lines = kill_matrix.fresh(verdicts.read(path).values()).splitlines()[2:]
        assert [line.split(" | ")[:3] for line in lines] == [
            ["| Mine is conformant", "all together", "1"],
            ["| Mine is conformant", "sentiment", "1"],
            ["| Mine, by forgetting.score alone", "all together", "1"],
            ["| Mine, by forgetting.score alone", "sentiment", "1"],
        ]
        assert kill_matrix.matrix([alone()]) == kill_matrix.matrix([])


class TestTables:
    @pytest.fixture
    def judged(self, record):
        """Makes a judgement of CONTROL by the check that it names."""

        def of(*outcomes: str, task: str = "sentiment", check: str = "contract.finite"):
            record(control=control("contract.finite"))
            made = {"method": CONTROL, "task": task, "seed": 1000, "alone": check, "commit": "abc1234"}
            return {**made, "outcomes": list(outcomes)}

        return of

    def test_controls_by_their_named_check_and_what_no_control_names(self, kill_matrix, judged):
        records = [judged("failed"), judged("failed", "passed"), judged("broken"), judged("passed"), judged()]
        text = kill_matrix.matrix(
            [*records, judged("failed", task="tabular"), judged("failed", check="cost.wall-clock")]
        )
        lines = text.splitlines()
        assert lines[0] == "| control | named check | sentiment | tabular |"
        assert lines[2] == "| Cheat | contract.finite | 2 of 4, 1 broke | 1 of 1 |"
        unnamed = text.rpartition("names: ")[2].strip().rstrip(".").split(", ")
        assert unnamed == sorted(set(catalogue()) - {"contract.finite"})

    def test_what_broke_says_nothing_and_what_passed_is_wrong(self, kill_matrix, verdicts, judged):
        records = [judged("broken"), judged("failed"), judged("passed"), judged("inconclusive")]
        assert [verdicts.right(one) for one in records] == [None, True, False, False]
        (line,) = kill_matrix.fresh(records).splitlines()[2:]
        assert line.startswith("| a control fails the check that it names | sentiment | 3 | 1 | 0.667 ")

    def test_wrong_verdicts_are_counted_by_task_and_together(self, kill_matrix, record):
        records = [record(exit_code=0), {**record(exit_code=1), "task": "tabular"}]
        lines = kill_matrix.fresh(records).splitlines()[2:5]
        # 1 of 2 wrong, by Clopper and Pearson 1 - 0.975^(1/2) and its complement; 0 and 1 of 1: 0.975 and 0.025
        assert lines == [
            "| Mine is conformant | all together | 2 | 1 | 0.500 [0.013, 0.987] | abc1234 2 |",
            "| Mine is conformant | sentiment | 1 | 1 | 0.000 [0.000, 0.975] | abc1234 1 |",
            "| Mine is conformant | tabular | 1 | 0 | 1.000 [0.025, 1.000] | abc1234 1 |",
        ]

    def test_commits_are_counted_most_frequent_first(self, kill_matrix):
        assert kill_matrix.commits([{"commit": "b"}, {"commit": "a"}, {"commit": "a"}]) == "a 2, b 1"

    def test_the_page_has_places_for_them(self, kill_matrix, record, tmp_path, monkeypatch):
        page, results = tmp_path / "page.md", tmp_path / "verdicts.json"
        made = {**record({FORGETTING: "failed"}, control("forgetting.score")), "alone": "forgetting.score"}
        made["outcomes"] = ["failed"]
        results.write_text(json.dumps({"one": made}))
        monkeypatch.setattr(sys, "argv", ["kill_matrix.py", "--results", str(results), "--output", str(page)])
        page.write_text("no place here\n")
        with pytest.raises(SystemExit, match="has no place for it"):
            kill_matrix.main()
        places = (kill_matrix.FRESH, kill_matrix.FRESH_END, kill_matrix.BEGIN, kill_matrix.END)
        page.write_text("before\n{}\nold\n{}\nbetween\n{}\nold\n{}\nafter\n".format(*places))
        kill_matrix.main()
        text = page.read_text()
        assert text.startswith("before\n")
        assert text.endswith("after\n")
        assert "\nbetween\n" in text
        assert "old" not in text
        assert "| abc1234 1 |" in text
        assert "| Cheat | forgetting.score | 1 of 1 |" in text

    def test_nothing_judged(self, kill_matrix, tmp_path, monkeypatch):
        monkeypatch.setattr(sys, "argv", ["x", "--results", str(tmp_path / "none.json"), "--output", str(tmp_path)])
        with pytest.raises(SystemExit, match=r"no judgements in .*none.json; run verdicts.py"):
            kill_matrix.main()


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        (METHOD, ("smoke", "")),
        ("mu_conformance.controls:DoNothing", ("smoke", "")),
        ("mu_conformance.controls:HidesClassByBias", ("smoke", "")),
        ("mu_conformance.controls:RestoresFirstRequest", ("standard", "sequential")),
        ("mu_conformance.controls:KeepsHardRows", ("standard", "mislabelled")),
    ],
)
def test_what_smoke_does_not_show_is_judged_where_it_shows(verdicts, method, expected):
    assert verdicts.asked(method, "image_classification") == expected


def test_what_the_audit_alone_shows_is_judged_by_thorough(verdicts, monkeypatch):
    monkeypatch.setattr(verdicts, "control_of", lambda method: control("privacy.worst-example"))
    assert verdicts.asked(CONTROL, "image_classification") == ("thorough", "worst-example")
