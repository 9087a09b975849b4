"""The page: a pure function of the scorecard, one file, harmless whatever a method writes into it."""

from __future__ import annotations

import base64
import dataclasses
import gzip
import hashlib
import html.parser
import json
import math
import re

import pytest
from cards import ENTRIES, scorecard
from test_scorecard_rendering import decided, with_measured

from mu_conformance.decision.finding import Measurement, Population
from mu_conformance.decision.interval import Interval
from mu_conformance.decision.outcome import Outcome, Sides
from mu_conformance.scorecard.renders import html as page
from mu_conformance.scorecard.renders import html_methods, markdown, methods, plots
from mu_conformance.scorecard.renders.files import write_card_renders
from mu_conformance.scorecard.renders.terminal import terminal_lines
from mu_conformance.scorecard.scorecard import Scorecard
from mu_conformance.scorecard.verification import verify

CARD = with_measured(
    {
        ENTRIES[2].key: ("failed", decided(0.75, name="forget score")),
        ENTRIES[3].key: ("passed", decided(0.52)),
        ENTRIES[5].key: ("inconclusive", decided(0.61, name="forget score")),
    }
)
HOSTILE = "</script></style><script>alert(1)</script><img src=x onerror=alert(2)>\x00\x1b[31m\u202e{{ 7*7 }}\ud800'\"&"


class Elements(html.parser.HTMLParser):
    """Lists elements, texts by element, and attributes of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.headings: list[str] = []
        self.words = ""
        self._inside: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        self._inside.append(tag)

    def handle_endtag(self, tag):
        while self._inside and self._inside.pop() != tag:
            pass

    def handle_data(self, data):
        if "script" not in self._inside and "style" not in self._inside:
            self.words += data
        if "h2" in self._inside:
            self.headings.append(data)


def saved(text: str) -> dict:
    packed = re.search(r'href="data:application/gzip;base64,([^"]+)"', text)
    assert packed is not None
    return json.loads(gzip.decompress(base64.b64decode(packed[1])))


class TestWhatItSays:
    found = Elements(page.render(CARD))

    def test_the_order(self):
        assert self.found.headings == [
            "What was claimed",
            "What this does not show",
            "How far from retraining",
            "Scenarios and families",
            "Failed",
            "Inconclusive",
            "Passed",
            "Forgetting against utility",
            "MU-Bench's numbers",
            "Cost",
            "Power and known error rates",
            "Environment and digests",
        ]

    def test_the_verdict_stands_first(self):
        words = self.found.words
        assert (
            words.index("Nonconformant")
            < words.index("1 of 6 required checks failed")
            < words.index("What was claimed")
        )
        assert "The evidence supports no guarantee." in words
        assert "not a certification" in words

    def test_a_failure_has_meaning_advice_numbers_and_a_command(self):
        words = " ".join(self.found.words.split())
        at = words.index("forgetting.score The score on the forget rows")
        failure = words[at : words.index("Inconclusive", at)]
        assert "What it means. " in failure
        assert "What to try. " in failure
        assert "forget score 2.5 × the margin" in failure
        assert "difference 0.250 [0.200, 0.300] at 95.0%, margin 0.100, 4 runs, 5 retrained models, sd 0.032" in failure
        assert "pytest --method mypkg:Mine" in failure

    def test_inconclusive_says_what_would_decide(self):
        assert "It lies so near the margin that more runs would hardly decide it." in self.found.words

    def test_every_judged_check_is_there(self):
        for check in CARD.checks:
            assert check.id in self.found.words
            assert check.scenario in self.found.words

    def test_not_claimed_and_not_run_have_no_cross(self):
        text = page.render(scorecard({ENTRIES[3].key: None}))
        assert "✗" not in text


class TestOneFile:
    text = page.render(CARD)

    def test_no_address_outside(self):
        assert "http" not in re.sub(r'http-equiv="Content-Security-Policy"', "", self.text)
        found = Elements(self.text)
        loaded = [value for name, value in found.attributes if name in ("src", "href") and value]
        assert all(value.startswith(("#", "data:")) for value in loaded)
        assert found.tags.count("script") == 1

    def test_the_policy_lets_its_own_script_run_and_no_other(self):
        script = re.search(r"<script>(.*?)</script>", self.text, re.DOTALL)
        assert script is not None
        digest = base64.b64encode(hashlib.sha256(script[1].encode()).digest()).decode()
        assert f"script-src &#39;sha256-{digest}&#39;" in self.text
        assert "default-src &#39;none&#39;" in self.text
        assert len(script[1]) <= 5000

    def test_a_pure_function_of_the_file(self, tmp_path):
        assert page.render(Scorecard.load(CARD.save(tmp_path))) == self.text == CARD.to_html()

    def test_the_scorecard_can_be_saved_from_it(self):
        assert saved(self.text) == CARD.to_json()

    def test_a_notebook_shows_it_in_a_frame(self):
        framed = CARD._repr_html_()
        assert framed.startswith("<iframe")
        assert Elements(framed).tags == ["iframe"]
        assert ("srcdoc", self.text) in Elements(framed).attributes


def hostile(text: str) -> Scorecard:
    """A scorecard in which everything that a method or an own task can write is this text."""
    checks = tuple(
        dataclasses.replace(
            check,
            scenario=f"{check.scenario} {text}",
            message=text,
            traceback=text,
            reproduce=text,
            measurements=tuple(dataclasses.replace(one, name=text) for one in check.measurements),
        )
        for check in CARD.checks
    )
    found = {family: dataclasses.replace(one, scenario=text) for family, one in CARD.verdict.distance.items()}
    return dataclasses.replace(
        CARD,
        checks=checks,
        method={**CARD.method, "ref": text, "version": text},
        environment={text: text},
        invocation={"args": [text]},
        verdict=dataclasses.replace(CARD.verdict, distance=found, scope=(text,)),
        waivers=({"check": text, "scenario": text, "reason": text},),
    )


class TestHostile:
    @pytest.mark.parametrize("text", [HOSTILE, "x" * 100_000, "=cmd()|' /C calc'!A0", "\n\n# heading | cell `code`"])
    def test_nothing_of_it_becomes_markup(self, text):
        card = hostile(text)
        for rendered in (page.render(card), html_methods.render([card, CARD])):
            found = Elements(rendered)
            assert found.tags.count("script") == 1
            assert "img" not in found.tags
            assert not [name for name, _ in found.attributes if name.startswith("on")]
            rendered.encode("utf-8")
            assert not re.search(r"[\x00\x1b\u202e]", rendered)
            assert ("{{ 7*7 }}" in found.words) is ("{{ 7*7 }}" in text)

    def test_long_texts_do_not_make_a_large_page(self):
        rendered = page.render(hostile("x" * 100_000))
        assert len(rendered) < 3_000_000
        assert "characters more in the scorecard" in rendered

    @pytest.mark.parametrize("text", [HOSTILE, "\n\n# heading | cell `code`"])
    def test_the_terminal_and_markdown_stay_whole(self, text):
        card = hostile(text)
        for lines in (terminal_lines(card, 80), terminal_lines(card, 80, every=True)):
            assert not re.search(r"[\x00\x1b\n\u202e]", "".join(lines))
        rendered = markdown.render(card)
        assert "<script" not in re.sub(r"`[^`]*`", "", rendered)
        assert not [line for line in rendered.splitlines()[1:] if line.startswith("# ")]
        methods.as_csv([card]).encode("utf-8")
        methods.as_latex([card]).encode("utf-8")

    def test_a_formula_is_no_formula_in_a_spreadsheet(self):
        card = dataclasses.replace(CARD, method={**CARD.method, "ref": "=1+1"})
        assert methods.as_csv([card]).splitlines()[1].startswith("'=1+1,")


class TestIncomplete:
    @pytest.mark.parametrize("part", ["suite", "method", "environment", "invocation"])
    def test_a_scorecard_that_lacks_a_part_says_so(self, part):
        card = dataclasses.replace(CARD, **{part: {"ref": "mypkg:Mine"} if part == "method" else {}})
        words = Elements(page.render(card)).words
        assert "This scorecard lacks:" in words
        assert f"{part}." in words[words.index("This scorecard lacks:") :]

    def test_numbers_that_are_none(self):
        odd = Measurement(
            "odd", math.nan, Interval(math.nan, math.inf, 0.95), 0.1, math.nan, Population(0.5, math.nan, 3)
        )
        worse = dataclasses.replace(odd, sides=Sides.BOTH, references=Population(math.nan, 0.0, 0))
        for one in (odd, worse, dataclasses.replace(odd, sides=Sides.ABOVE)):
            card = with_measured({ENTRIES[2].key: ("failed", one)})
            words = Elements(page.render(card)).words
            assert "nan" not in words
            assert "forgetting.score" in words

    def test_nulls_of_a_file_are_read_as_no_number(self):
        record = CARD.to_json()
        for check in record["checks"]:
            for one in check["measurements"]:
                one.update(value=None, interval=[None, None], original=None)
                one.pop("level", None)
                if "references" in one:
                    one["references"].update(mean=None, sd=None)
        for found in record["verdict"]["distance"].values():
            found.update(median=None, worst=None)
        record["suite"]["power"] = [{"scenario": "a/b", "measure": "x", "separation": None}]
        del record["suite"]["profile"]
        card = Scorecard.from_json(record)
        assert "nan" not in Elements(page.render(card)).words
        assert markdown.render(card)
        assert terminal_lines(card)
        assert "nan" not in methods.as_csv([card]) + methods.as_latex([card])

    def test_an_empty_scorecard(self):
        card = dataclasses.replace(CARD, checks=(), verdict=dataclasses.replace(CARD.verdict, distance={}, scope=()))
        assert "Nothing was judged" in page.render(card)

    def test_a_page_that_cannot_be_made_leaves_the_rest(self, tmp_path, monkeypatch):
        (tmp_path / "index.html").write_text("of an earlier run")
        monkeypatch.setattr(page, "render", lambda card: 1 / 0)
        problems: list[str] = []
        assert write_card_renders(tmp_path, CARD, problems).startswith("# mu-conformance: mypkg:Mine")
        assert problems == [
            "index.html could not be made (ZeroDivisionError: division by zero); the scorecard has all of it"
        ]
        assert not (tmp_path / "index.html").exists()
        assert (tmp_path / "scorecard.md").exists()

    def test_many_findings(self):
        many = tuple(
            dataclasses.replace(check, scenario=f"{check.task}/{number}")
            for number in range(1700)
            for check in CARD.checks
        )
        card = dataclasses.replace(CARD, checks=many)
        rendered = page.render(card)
        assert len(card.checks) > 10_000
        assert len(saved(rendered)["checks"]) == len(card.checks)


class TestForged:
    """Values are plotted, so a file whose plots and numbers disagree does not add up."""

    @pytest.mark.parametrize(
        ("part", "said"),
        [("references", "the references' mean of 'forget score'"), ("runs", "'forget score' is 0.75")],
    )
    def test_values_that_do_not_bear_out_the_numbers(self, part, said):
        record = CARD.to_json()
        assert not any(said in line for line in verify(record))
        (one,) = [check for check in record["checks"] if check["id"] == "forgetting.score" and check["ratio"] == 0.1]
        one["measurements"][0]["values"][part] = [0.6, 0.62, 0.64, 0.6, 0.62]
        assert any(said in line for line in verify(record))


class TestStrip:
    def test_places_by_hand(self):
        # the axis: originals 0.89 and 0.91, references from 0.46, margin from 0.4 to 0.6, runs 0.79 and 0.81
        found = decided(0.8)
        drawn = plots.strip(found)
        assert drawn is not None
        low, high = 0.4 - 0.03 * 0.51, 0.91 + 0.03 * 0.51
        place = {value: round(200 * (value - low) / (high - low)) for value in (0.79, 0.81, 0.5, 0.4, 0.6)}
        runs = f"M0 50m{place[0.79]} 0zm{place[0.81] - place[0.79]} 0z"
        assert f'<path class="m" d="{runs}"/>' in drawn.svg
        assert f'<path class="a" d="M{place[0.5]} 0V60"/>' in drawn.svg
        assert f'<rect x="{place[0.4]}" width="{place[0.6] - place[0.4]}" height="60"/>' in drawn.svg
        assert (drawn.low, drawn.high) == ("0.385", "0.925")
        assert drawn.label == "loss attack AUC: runs 0.800, retrained 0.500, original 0.900, margin 0.100"
        assert not drawn.off_scale

    @pytest.mark.parametrize(("sides", "left", "right"), [(Sides.ABOVE, 0, None), (Sides.BELOW, None, 200)])
    def test_the_band_is_open_on_the_side_that_does_not_count(self, sides, left, right):
        drawn = plots.strip(dataclasses.replace(decided(0.8), sides=sides))
        assert drawn is not None
        band = re.search(r'<rect x="(\d+)" width="(\d+)"', drawn.svg)
        assert band is not None
        start, width = map(int, band.groups())
        assert left is None or start == left
        assert right is None or start + width == right

    def test_runs_far_away_are_told_at_the_edge(self):
        far = decided(1e6)
        drawn = plots.strip(far)
        assert drawn is not None
        assert drawn.off_scale
        assert 'class="beyond"' in drawn.svg
        assert float(drawn.high) < 10

    def test_an_older_scorecard_has_means_only(self):
        drawn = plots.strip(dataclasses.replace(decided(0.8), values=None))
        assert drawn is not None
        assert drawn.svg.count("z") == 3


def test_every_outcome_has_a_mark():
    assert set(page._OUTCOMES) == set(Outcome)


class TestMethods:
    def test_the_comparison_by_hand(self):
        better = with_measured({ENTRIES[2].key: ("passed", decided(0.54))})
        words = " ".join(Elements(html_methods.render([CARD, better], ["1/index.html", None])).words.split())
        assert "2 methods compared" in words
        assert methods.task_distances([CARD, better])["sentiment"][0]["forgetting"] == pytest.approx(2.5)
        assert methods.task_distances([CARD, better])["sentiment"][1]["forgetting"] == pytest.approx(0.4)
        assert "Not comparable" not in words

    def test_runs_of_another_profile_are_not_comparable(self):
        other = dataclasses.replace(CARD, suite={**CARD.suite, "profile": "standard"})
        assert methods.differences([CARD, other]) == ["The runs have different profiles: smoke, standard."]
        assert "Not comparable as they stand." in html_methods.render([CARD, other])

    def test_csv_has_a_row_for_each(self):
        heading, first, second = methods.as_csv([CARD, CARD]).splitlines()
        assert heading.split(",")[:5] == ["method", "verdict", "passed", "required", "supports"]
        assert first == second
        assert first.startswith("mypkg:Mine,nonconformant,4,6,,1.1,2.5,0.2,")

    def test_latex_escapes(self):
        card = dataclasses.replace(CARD, method={**CARD.method, "ref": "a:b_c%&"})
        assert r"b\_c\%\& & nonconformant & 2.5 & 0.2 & -- " in methods.as_latex([card])
