"""The renders of a scorecard: terminal and Markdown."""

from __future__ import annotations

import copy
import dataclasses
import math

import pytest
from cards import ENTRIES, FORGETTING, scorecard

from mu_conformance.checks.catalogue import catalogue
from mu_conformance.checks.manifest import Entry
from mu_conformance.decision.finding import Measurement, Population, Values
from mu_conformance.decision.interval import Interval
from mu_conformance.decision.outcome import Sides
from mu_conformance.evidence.base import Evidence
from mu_conformance.protocol.claims import Claims
from mu_conformance.scorecard.renders import markdown
from mu_conformance.scorecard.renders.terminal import terminal_line, terminal_lines
from mu_conformance.scorecard.scorecard import Scorecard
from mu_conformance.scorecard.summary import Counts, count, headline, task_rows
from mu_conformance.scorecard.verdict import overall
from mu_conformance.scorecard.wording import clean, counted, deciding_runs, error_rates, number, shortened


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

    def test_markdown_names_every_required_check_that_did_not_pass(self):
        text = markdown.render(scorecard(self.bad))
        assert text.startswith("# mu-conformance: mypkg:Mine is nonconformant\n")
        assert "- **forgetting.score** on sentiment/random-10% and 1 more: failed. it is failed\n" in text
        assert "- **contract.finite** on sentiment/contract: it is waived\n" in text
        assert "Judge the first again: `pytest --method mypkg:Mine --mu-task sentiment -k" in text
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

    def test_markdown_shows_the_power_of_a_scenario(self):
        found = {"scenario": ENTRIES[2].scenario, "measure": "loss attack AUC", "separation": 13.24}
        made = scorecard()
        made = dataclasses.replace(made, suite={**made.suite, "power": [found]})
        assert {row["scenario"]: row["power"] for row in task_rows(made)} == {
            "sentiment/contract": "-",
            "sentiment/random-10%": "13.2",
            "keyword_spotting/unit": "-",
        }
        assert "| 13.2 |" in markdown.render(made)

    @pytest.mark.parametrize(
        "render", [markdown.render, headline, terminal_lines], ids=["markdown", "headline", "terminal"]
    )
    def test_a_render_is_a_pure_function_of_the_file(self, render, tmp_path):
        built = scorecard(self.bad)
        before = copy.deepcopy(built)
        assert render(built) == render(Scorecard.load(built.save(tmp_path)))
        assert built == before


def decided(value: float, *, interval: float = 0.05, margin: float = 0.1, name: str = "loss attack AUC") -> Measurement:
    """A statistic whose original is 0.9 and whose references lie around 0.5: the way is (0.9 - value) / 0.4."""
    references = (0.46, 0.48, 0.5, 0.52, 0.54)
    return Measurement(
        name,
        value,
        Interval(value - 0.5 - interval, value - 0.5 + interval, 0.95),
        margin,
        0.9,
        Population(0.5, 0.0316, 5),
        4,
        Sides.BOTH,
        values=Values((value - 0.01, value + 0.01), references, (0.89, 0.91)),
    )


def with_measured(found: dict[tuple[str, str], tuple[str, Measurement]]) -> Scorecard:
    """A scorecard with these outcomes and measurements by check and scenario; everything else passed."""
    card = scorecard({key: outcome for key, (outcome, _) in found.items() if outcome != "passed"})
    checks = tuple(
        dataclasses.replace(check, measurements=(found[check.id, check.scenario][1],))
        if (check.id, check.scenario) in found
        else check
        for check in card.checks
    )
    return dataclasses.replace(card, checks=checks, verdict=overall(checks, Claims()))


class TestTerminal:
    card = with_measured(
        {
            ENTRIES[2].key: ("failed", decided(0.75, name="forget score")),
            ENTRIES[3].key: ("failed", decided(0.8)),
            ENTRIES[5].key: ("inconclusive", decided(0.61, name="forget score")),
        }
    )

    def test_the_first_line_says_all(self):
        (first, *_) = terminal_lines(self.card, 120)
        assert first == ("mypkg:Mine   NONCONFORMANT   supports: nothing   3 of 6 passed, 2 failed, 1 inconclusive")
        assert terminal_line(self.card) == first

    def test_what_is_unusual_is_said(self):
        assert not any("profile" in line for line in terminal_lines(self.card)[:3])
        suite = {**self.card.suite, "profile": "standard", "data": "hub", "strict": True}
        claims = {**self.card.method["claims"], "guarantee": "epsilon_delta", "epsilon": 0.5, "delta": 1e-05}
        verdict = dataclasses.replace(self.card.verdict, guarantee="epsilon_delta")
        method = {**self.card.method, "claims": claims}
        unusual = dataclasses.replace(self.card, suite=suite, verdict=verdict, method=method)
        assert terminal_lines(unusual, 160)[1] == (
            "claimed: epsilon_delta   epsilon 0.5   delta 1e-05   profile standard   published data   "
            "requests: 10 % of the training rows   strict: recommendations decide"
        )

    def test_the_worst_stands_first_with_its_numbers(self):
        lines = terminal_lines(self.card, 160)
        (worst, next_worst) = [line.split() for line in lines if "retrained 0.500" in line]
        assert " ".join(worst) == (
            "loss attack AUC 0.800 retrained 0.500 original 0.900 3.0 × the margin sentiment/random-10%"
        )
        assert " ".join(next_worst) == (
            "forget score 0.750 retrained 0.500 original 0.900 2.5 × the margin sentiment/random-10%"
        )

    def test_inconclusive_says_what_would_decide(self):
        lines = terminal_lines(self.card, 160)
        at = lines.index("inconclusive (1):")
        assert lines[at + 1] == (
            "  forgetting.score on keyword_spotting/unit, 1.1 × the margin. "
            "It lies so near the margin that more runs would hardly decide it."
        )

    @pytest.mark.parametrize(
        ("distance", "said"),
        [
            # Runs 0.3 apart on both sides: variance 0.18, by 2 runs 0.09. References: 0.04 / 4 = 0.01. Half-width 0.5.
            # (room / 0.5)^2 * 0.1 - 0.01 is what the runs' part may be; 2 * 0.09 over it is how many are needed.
            (1.45, "About 3 runs would decide it: --mu-profile smoke."),
            (1.22, "About 20 runs would decide it: --mu-profile standard."),
            (1.18, "About 61 runs would decide it: --mu-runs 61."),
            (1.16, "It lies so near the margin that more runs would hardly decide it."),
        ],
    )
    def test_how_many_runs_would_decide(self, distance, said):
        value = 0.5 + distance
        interval = Interval(distance - 0.5, distance + 0.5, 0.95)
        found = Measurement(
            "x", value, interval, 1.0, 3.0, Population(0.5, 0.2, 4), 2, Sides.BOTH,
            values=Values((value - 0.3, value + 0.3), (0.3, 0.4, 0.6, 0.7), (3.0, 3.0)),
        )  # fmt: skip
        card = with_measured({ENTRIES[2].key: ("inconclusive", found)})
        (check,) = [check for check in card.checks if check.outcome == "inconclusive"]
        assert deciding_runs(dataclasses.replace(card, suite={**card.suite, "looks": [2]}), check) == said

    def test_a_run_that_stopped_early_is_not_told_to_run_on(self):
        found = decided(0.64, interval=0.05)
        wide = dataclasses.replace(found, values=Values((0.4, 0.88), found.values.references, found.values.originals))
        card = with_measured({ENTRIES[2].key: ("inconclusive", wide)})
        (check,) = [check for check in card.checks if check.outcome == "inconclusive"]
        assert "stopped early" in deciding_runs(card, check)
        (fixed,) = [dataclasses.replace(check, id="robustness.few-rows")]
        assert deciding_runs(card, fixed) == "Its number of runs is fixed."

    @pytest.mark.parametrize("width", [40, 80, 120, 200])
    def test_no_line_is_wider_than_the_terminal(self, width):
        assert max(map(len, terminal_lines(self.card, width))) <= width
        assert max(map(len, terminal_lines(self.card, width, every=True))) <= max(width, 80)

    def test_every_check_is_listed_on_demand(self):
        text = "\n".join(terminal_lines(self.card, 120, every=True))
        for check in self.card.checks:
            assert f"{check.outcome}: {check.id} on {check.scenario}" in text

    def test_a_long_list_is_cut_and_counted(self):
        ids = [id for id, check in catalogue().items() if check.subject is Evidence][:11]
        many = [Entry("sentiment", "sentiment/random-10%", id, "text", "random", 0.1) for id in ids]
        card = scorecard({e.key: "failed" for e in many}, listed=many)
        checks = tuple(dataclasses.replace(check, message=f"as {check.id} says") for check in card.checks)
        lines = terminal_lines(dataclasses.replace(card, checks=checks))
        # Their names are all that differs in these messages.
        assert sum(": failed." in line for line in lines) == 1
        checks = tuple(
            dataclasses.replace(check, message="of kind " + "abcdefghijk"[at]) for at, check in enumerate(card.checks)
        )
        lines = terminal_lines(dataclasses.replace(card, checks=checks))
        assert sum(": failed." in line for line in lines) == 8
        assert "  and 3 more: -v lists them, and so does the page" in lines

    def test_scenarios_of_a_check_are_one_line(self):
        many = [
            Entry("sentiment", f"sentiment/random-{n}%", "forgetting.score", "text", "random", 0.1)
            for n in range(1, 21)
        ]
        lines = terminal_lines(scorecard({e.key: "failed" for e in many}, listed=many), 120)
        assert sum("forgetting.score" in line for line in lines) == 1
        assert any("sentiment/random-1% and 19 more: failed." in line for line in lines)


class TestWording:
    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (0.7371, "0.737"), (12.345, "12.35"), (123.45, "123.5"), (1234.5, "1234"), (0.0, "0.000"),
            (1e-5, "1.0e-05"), (-2e7, "-2.0e+07"), (None, "-"), (math.nan, "-"), (math.inf, "-"),
        ],
    )  # fmt: skip
    def test_numbers(self, value, text):
        assert number(value) == text

    def test_counts_add_up(self):
        found = count(scorecard({**TestRenders.bad, ENTRIES[3].key: "error", ENTRIES[4].key: None}))
        assert found == Counts(required=6, passed=1, failed=2, inconclusive=1, unjudged=0, waived=1, not_run=1)
        assert counted(found) == "1 of 6 passed, 2 failed, 1 inconclusive, 1 waived, 1 not run"

    def test_error_rates_in_words(self):
        made = scorecard()
        rates = {"estimate": 0.0, "interval": [0.0, 0.018], "level": 0.95, "judgements": 200, "tasks": ["sentiment"]}
        suite = {**made.suite, "false_alarm_rate": rates, "share_kept_that_is_detected": {"sentiment": 0.05}}
        assert error_rates(dataclasses.replace(made, suite=suite)) == [
            "Of 200 exact retrainings on each of sentiment, none was wrongly called nonconformant.",
            "For a verdict on these tasks together the rate lies between 0.0 % and 1.8 % "
            "(ends of the intervals at 95 % for each task).",
            "A method that keeps 5 % of the forget rows of sentiment is found 9 times of 10.",
        ]
        assert error_rates(dataclasses.replace(made, suite={})) == [
            "No error rate was measured for these tasks and settings."
        ]

    def test_long_texts_keep_both_ends(self):
        assert shortened("a" * 50 + "b" * 50, 20) == (
            "a" * 10 + " ... [80 characters more in the scorecard] ... " + "b" * 10
        )
        assert shortened("short", 20) == "short"

    def test_control_characters_are_replaced(self):
        assert (
            clean("a\x1b[31mb\x00\ud800c\n\td")
            == "a\N{REPLACEMENT CHARACTER}[31mb" + 2 * "\N{REPLACEMENT CHARACTER}" + "c\n\td"
        )
