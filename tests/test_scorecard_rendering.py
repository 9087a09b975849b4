"""The renders of a scorecard: terminal and Markdown."""

from __future__ import annotations

import copy
import dataclasses

import pytest
from cards import ENTRIES, FORGETTING, scorecard

from mu_conformance.checks.manifest import Entry
from mu_conformance.protocol.claims import Claims
from mu_conformance.scorecard.renders import markdown
from mu_conformance.scorecard.renders.terminal import terminal_lines
from mu_conformance.scorecard.scorecard import Scorecard
from mu_conformance.scorecard.summary import headline, task_rows


class TestRenders:
    bad = {FORGETTING: "failed", ENTRIES[5].key: "inconclusive", ENTRIES[1].key: "waived"}

    def test_task_rows_by_hand(self):
        found = {row["scenario"]: row for row in task_rows(scorecard(self.bad))}
        assert found["sentiment/contract"]["contract"] == "1/2"
        assert found["sentiment/contract"]["forgetting"] == "-"
        assert found["sentiment/random-10%"]["forgetting"] == "0/1"
        assert found["sentiment/random-10%"]["utility"] == "1/1"
        assert found["keyword_spotting/unit"]["forgetting"] == "0/1"

    def test_the_headline(self):
        assert headline(scorecard(self.bad)) == (
            "3 of 6 required checks passed on keyword_spotting, sentiment; guarantee retrain_equivalent, "
            "supports none, profile smoke."
        )
        assert "1 of 1 required checks passed on sentiment;" in headline(scorecard(claims=Claims(tasks=())))

    def test_the_terminal_names_what_did_not_pass_and_ends_with_the_verdict(self):
        lines = terminal_lines(scorecard(self.bad))
        assert "  failed: forgetting.score on sentiment/random-10%" in lines
        assert "  inconclusive: forgetting.score on keyword_spotting/unit" in lines
        assert not any("contract.finite" in line for line in lines)
        assert lines[-1] == "mypkg:Mine: NONCONFORMANT"
        assert terminal_lines(scorecard())[-1] == "mypkg:Mine: CONFORMANT"

    def test_a_long_list_is_cut_and_counted(self):
        many = [
            Entry("sentiment", f"sentiment/random-{n}%", "forgetting.score", "text", "random", 0.1)
            for n in range(1, 21)
        ]
        lines = terminal_lines(scorecard({e.key: "failed" for e in many}, listed=many))
        assert sum(line.startswith("  failed: ") for line in lines) == 12
        assert "  ... and 8 more" in lines

    def test_markdown_names_every_required_check_that_did_not_pass(self):
        text = markdown.render(scorecard(self.bad))
        assert text.startswith("# mu-conformance: mypkg:Mine is nonconformant\n")
        for id, scenario, outcome in (
            ("forgetting.score", "sentiment/random-10%", "failed"),
            ("forgetting.score", "keyword_spotting/unit", "inconclusive"),
            ("contract.finite", "sentiment/contract", "waived"),
        ):
            assert (
                f"- **{id}** on {scenario}: {outcome}. it is {outcome} Reproduce: `pytest --method mypkg:Mine" in text
            )
        assert "utility.test-score" not in text
        assert "intervals at 98.3 %" in text

    def test_markdown_of_a_clean_card_lists_nothing(self):
        text = markdown.render(scorecard())
        assert "Not passed" not in text
        assert "is conformant\n" in text

    def test_markdowns_table_has_a_line_for_each_scenario(self):
        table = [line for line in markdown.render(scorecard()).splitlines() if line.startswith("| ")]
        assert len(table) == 2 + 3
        assert {line.strip().count("|") for line in table} == {9}

    def test_every_render_shows_the_power_of_a_scenario(self):
        found = {"scenario": ENTRIES[2].scenario, "measure": "loss attack AUC", "separation": 13.24}
        made = scorecard()
        made = dataclasses.replace(made, suite={**made.suite, "power": [found]})
        assert {row["scenario"]: row["power"] for row in task_rows(made)} == {
            "sentiment/contract": "-",
            "sentiment/random-10%": "13.2",
            "keyword_spotting/unit": "-",
        }
        assert any(line.startswith("sentiment/random-10%") and line.endswith("13.2") for line in terminal_lines(made))
        assert "| 13.2 |" in markdown.render(made)

    @pytest.mark.parametrize(
        "render", [markdown.render, headline, terminal_lines], ids=["markdown", "headline", "terminal"]
    )
    def test_a_render_is_a_pure_function_of_the_file(self, render, tmp_path):
        built = scorecard(self.bad)
        before = copy.deepcopy(built)
        assert render(built) == render(Scorecard.load(built.save(tmp_path)))
        assert built == before
