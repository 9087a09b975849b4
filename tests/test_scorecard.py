"""The scorecard: the verdict's truth table, what verification finds, and the renders."""

from __future__ import annotations

import copy
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from cards import measured
from hypothesis import given, settings
from hypothesis import strategies as st

from mu_conformance.checks.finding import Finding, Measurement, plain
from mu_conformance.manifest import Entry, entries, manifest_digest, required
from mu_conformance.profiles import PROFILES
from mu_conformance.protocol import Claims
from mu_conformance.registry import find_task
from mu_conformance.scorecard import markdown
from mu_conformance.scorecard.building import build, environment
from mu_conformance.scorecard.comparison import changes, regressions
from mu_conformance.scorecard.document import ScorecardError, read, write
from mu_conformance.scorecard.summary import headline, task_rows, terminal_lines
from mu_conformance.scorecard.verdicts import CONFORMANT, overall
from mu_conformance.scorecard.verification import verify
from mu_conformance.scorecard.waivers import WaiverError, find_waiver, read_waivers
from mu_conformance.verdict import Interval, Outcome

quick = settings(deadline=None, max_examples=80, database=None)
ENTRIES = [
    Entry("sentiment", "sentiment/contract", "contract.claims", "text", "contract"),
    Entry("sentiment", "sentiment/contract", "contract.finite", "text", "contract"),
    Entry("sentiment", "sentiment/random-10%", "forgetting.score", "text", "random", 0.1),
    Entry("sentiment", "sentiment/random-10%", "privacy.membership-loss", "text", "random", 0.1),
    Entry("sentiment", "sentiment/random-10%", "utility.test-score", "text", "random", 0.1),
    Entry("keyword_spotting", "keyword_spotting/unit", "forgetting.score", "audio", "unit", 0.07),
]
FORGETTING = ENTRIES[2].key
DEFAULT = Claims()


def numbers(check: str, outcome: str) -> list[dict]:
    """As a check makes them, NumPy's number types included."""
    return [{**one, "value": np.float64(one["value"])} for one in measured(check, outcome)]


def card(changed: dict | None = None, claims: Claims = DEFAULT, listed=ENTRIES, **overrides) -> dict:
    """A scorecard on which everything required passed, but for ``changed``."""
    results = {
        entry.key: {"outcome": "passed", "measurements": numbers(entry.check, "passed"), "duration_s": 1.23456}
        for entry in listed
        if required(entry, claims)
    }
    for key, outcome in (changed or {}).items():
        if outcome is None:
            del results[key]
        else:
            results[key] = {"outcome": outcome, "message": f"it is {outcome}", "measurements": numbers(key[0], outcome)}
    arguments = {
        "entries": listed,
        "results": results,
        "claims": claims,
        "method": {"ref": "mypkg:Mine", "version": "1.0"},
        "profile": PROFILES["smoke"],
        "suite": {"artefacts_sha256": "0" * 64},
        "environment": {},
        "invocation": {"args": ["--method", "mypkg:Mine"]},
        "waivers": [],
    }
    return build(**{**arguments, **overrides})


def entry(id: str, outcome: str, *, needed: bool = True, task: str = "a") -> dict:
    return {"id": id, "task": task, "scenario": f"{task}/random-10%", "outcome": outcome, "required": needed}


class TestOverall:
    good = [entry("forgetting.score", "passed"), entry("utility.test-score", "passed")]

    def status(self, *more: dict) -> str:
        return overall([*self.good, *more], "exact")["status"]

    @pytest.mark.parametrize(
        ("outcome", "status"),
        [
            ("passed", "conformant"),
            ("waived", "conformant_with_waivers"),
            ("failed", "nonconformant"),
            ("error", "nonconformant"),
            ("stale_waiver", "nonconformant"),
            ("inconclusive", "incomplete"),
            ("not_run", "incomplete"),
            ("not_claimed", "incomplete"),
            ("a word of another version", "incomplete"),
        ],
    )
    def test_one_required_check_decides(self, outcome, status):
        assert self.status(entry("privacy.membership-loss", outcome)) == status

    @pytest.mark.parametrize("outcome", list(Outcome))
    def test_what_is_not_required_decides_nothing(self, outcome):
        assert self.status(entry("privacy.membership-loss", str(outcome), needed=False)) == "conformant"

    def test_a_failure_outweighs_what_is_missing(self):
        assert (
            self.status(entry("contract.finite", "not_run"), entry("contract.no-network", "failed")) == "nonconformant"
        )

    def test_what_is_missing_outweighs_a_waiver(self):
        assert self.status(entry("contract.finite", "waived"), entry("contract.no-network", "not_run")) == "incomplete"

    @pytest.mark.parametrize(
        "checks",
        [
            [],
            [entry("contract.claims", "passed")],
            [entry("forgetting.score", "passed")],
            [entry("utility.test-score", "passed")],
            # forgetting on one task and utility on another say nothing of either
            [entry("forgetting.score", "passed"), entry("utility.test-score", "passed", task="b")],
            [entry("forgetting.score", "passed", needed=False), entry("utility.test-score", "passed")],
            [entry("privacy.membership-loss", "passed"), entry("utility.test-score", "passed")],
        ],
        ids=["nothing", "claims", "no utility", "no forgetting", "two tasks", "not required", "no forgetting family"],
    )
    def test_passing_without_substance_is_incomplete(self, checks):
        assert overall(checks, "exact")["status"] == "incomplete"

    def test_the_numbers_by_hand(self):
        checks = [
            *self.good,
            entry("contract.finite", "waived", task="b"),
            entry("contract.no-network", "failed"),
            entry("cost.wall-clock", "not_claimed", needed=False, task="c"),
        ]
        assert overall(checks, "suppression") == {
            "status": "nonconformant",
            "guarantee": "suppression",
            "scope": ["a", "b"],
            "required": 4,
            "passed": 2,
            "not_passed": ["contract.finite", "contract.no-network"],
        }

    ids = st.sampled_from(["forgetting.score", "utility.test-score", "contract.finite", "privacy.membership-lira"])
    many = st.lists(
        st.builds(entry, ids, st.sampled_from(Outcome).map(str), needed=st.booleans(), task=st.sampled_from("ab")),
        max_size=8,
    )

    @quick
    @given(many)
    def test_conformant_means_what_the_design_says(self, checks):
        # An independent reading of DESIGN.md section 6.
        needed = [c for c in checks if c["required"]]
        all_passed = all(c["outcome"] == "passed" for c in needed)
        substance = any(
            {"forgetting", "utility"} <= {c["id"].split(".")[0] for c in needed if c["task"] == task} for task in "ab"
        )
        assert (overall(checks, "exact")["status"] == "conformant") is (all_passed and substance)

    @quick
    @given(many, st.data())
    def test_a_worse_outcome_never_gives_a_better_verdict(self, checks, data):
        order = ["conformant", "conformant_with_waivers", "incomplete", "nonconformant"]
        worsened = copy.deepcopy(checks)
        if worsened:
            chosen = data.draw(st.sampled_from(worsened))
            chosen["outcome"] = data.draw(st.sampled_from(["failed", "error", "stale_waiver"]))
        before, after = (order.index(overall(c, "exact")["status"]) for c in (checks, worsened))
        assert after >= before

    def test_which_words_count_as_conformant(self):
        assert CONFORMANT == ("conformant", "conformant_with_waivers")


class TestBuild:
    def test_everything_passed(self):
        built = card()
        assert built["verdict"]["status"] == "conformant"
        assert built["verdict"]["required"] == built["verdict"]["passed"] == len(ENTRIES)
        assert [(e["id"], e["scenario"]) for e in built["checks"]] == [e.key for e in ENTRIES]
        assert built["checks"][2]["duration_s"] == 1.235
        assert built["suite"]["level"] == pytest.approx(1 - 0.05 / 3)
        assert list(built)[-1] == "complete"

    def test_what_is_missing_did_not_run(self):
        built = card({FORGETTING: None})
        assert built["checks"][2]["outcome"] == "not_run"
        assert built["verdict"]["status"] == "incomplete"

    def test_nothing_run_is_incomplete(self):
        built = card(dict.fromkeys([e.key for e in ENTRIES]))
        assert {e["outcome"] for e in built["checks"]} == {"not_run"}
        assert built["verdict"]["status"] == "incomplete"

    def test_what_is_not_claimed_is_not_required(self):
        built = card(claims=Claims(tasks=("sentiment",)))
        assert built["checks"][-1]["outcome"] == "not_claimed"
        assert not built["checks"][-1]["required"]
        assert built["verdict"]["scope"] == ["sentiment"]
        assert built["verdict"]["status"] == "conformant"

    def test_a_smaller_claim_leaves_larger_requests_out(self):
        # 7 % of the rows is within the claim, 10 % is not: forgetting on one task, utility on none.
        built = card(claims=Claims(max_ratio=0.08))
        assert [e["required"] for e in built["checks"]] == [True, True, False, False, False, True]
        assert built["verdict"]["status"] == "incomplete"

    def test_a_weaker_guarantee_asks_for_less(self):
        assert [e["required"] for e in card(claims=Claims(guarantee="suppression"))["checks"]][3] is False

    @pytest.mark.parametrize("claims", [Claims(tasks=()), Claims(modalities=()), Claims(tasks=("no such task",))])
    @pytest.mark.parametrize("outcome", ["passed", "failed", "waived"])
    def test_claiming_nothing_is_never_conformant(self, claims, outcome):
        built = card({ENTRIES[0].key: outcome}, claims=claims)
        assert [e["id"] for e in built["checks"] if e["required"]] == ["contract.claims"]
        assert built["verdict"]["status"] not in CONFORMANT

    def test_claiming_nothing_is_never_conformant_on_a_real_manifest(self):
        listed = entries(find_task("sentiment"), PROFILES["smoke"], 42)
        assert {e.scenario for e in listed} == {
            "sentiment/contract",
            "sentiment/random-10%",
            "sentiment/mislabelled-10%",
        }
        assert card(listed=listed)["verdict"]["status"] == "conformant"
        for claims in (Claims(tasks=()), Claims(max_ratio=0.01)):
            assert card(claims=claims, listed=listed)["verdict"]["status"] not in CONFORMANT

    def test_a_mislabelled_check_is_asked_of_mislabelled_sets_alone(self):
        listed = entries(find_task("sentiment"), PROFILES["smoke"], 42)
        assert {e.scenario for e in listed if e.check == "forgetting.mislabelled"} == {"sentiment/mislabelled-10%"}

    def test_numpys_numbers_become_plain(self):
        value = card()["checks"][2]["measurements"][0]["value"]
        assert type(value) is float

    def test_reproducing_names_the_check_on_its_scenario(self):
        line = card(reproduce_options=" --mu-seed 7")["checks"][2]["reproduce"]
        assert line == 'pytest --method mypkg:Mine --mu-task sentiment --mu-seed 7 -k "random-10pct-forgetting.score"'

    def test_the_manifests_digest_is_of_the_questions_alone(self):
        assert manifest_digest(ENTRIES) == manifest_digest(reversed(ENTRIES)) == card()["suite"]["manifest_sha256"]
        assert manifest_digest(ENTRIES) != manifest_digest(ENTRIES[1:])
        assert manifest_digest(ENTRIES) != manifest_digest([*ENTRIES, ENTRIES[0]])

    def test_the_environment_is_plain_json(self):
        found = environment("cpu")
        assert json.loads(json.dumps(found)) == found
        assert found["torch"] == torch.__version__.partition("+")[0] or found["torch"] == torch.__version__
        assert found["device"] == "cpu"


class TestVerify:
    waiver = {"check": "forgetting.score", "scenario": "sentiment/*", "reason": "issue 12", "source": "waivers.toml"}

    @pytest.mark.parametrize("changed", [{}, {FORGETTING: "failed"}, {FORGETTING: None}])
    def test_an_untouched_scorecard_adds_up(self, changed, tmp_path):
        write(card(changed, waivers=[self.waiver]), tmp_path / "scorecard.json")
        assert verify(read(tmp_path / "scorecard.json")) == []

    @pytest.mark.parametrize(
        "waivers",
        [[], [{**waiver, "scenario": "keyword_spotting/*"}], [{**waiver, "check": "forgetting.loss"}]],
        ids=["none", "another scenario", "another check"],
    )
    def test_a_waived_check_that_no_waiver_names(self, waivers):
        problem = "forgetting.score on sentiment/random-10%: waived, but no waiver of the scorecard names it"
        assert verify(card({FORGETTING: "waived"}, waivers=waivers)) == [problem]

    @pytest.mark.parametrize(
        ("interval", "sides", "said", "shown"),
        [
            ([0.4, 0.6], "both", "passed", "failed"),
            ([0.0, 0.6], "both", "passed", "inconclusive"),
            ([-0.1, 0.1], "both", "failed", "passed"),
            ([-0.6, -0.4], "above", "failed", "passed"),
            ([-0.6, -0.4], "below", "passed", "failed"),
        ],
    )
    def test_an_outcome_that_its_interval_does_not_bear_out(self, interval, sides, said, shown):
        # The margin is 0.3 throughout.
        honest, tampered = card({FORGETTING: shown}), card({FORGETTING: said})
        for made in (honest, tampered):
            measured = {"name": "x", "value": 0.5, "interval": interval, "level": 0.95, "margin": 0.3, "sides": sides}
            made["checks"][2]["measurements"] = [measured]
        assert verify(honest) == []
        problem = f"forgetting.score on sentiment/random-10%: outcome {said}, its interval and margin say {shown}"
        assert verify(tampered) == [problem]

    def test_the_worst_of_several_measurements_decides(self):
        tampered = card()
        inside = {"name": "x", "value": 0.0, "interval": [-0.1, 0.1], "level": 0.95, "margin": 0.3, "sides": "both"}
        tampered["checks"][2]["measurements"] = [inside, {**inside, "interval": [0.5, 0.6]}, inside]
        (problem,) = verify(tampered)
        assert problem.endswith("outcome passed, its interval and margin say failed")

    def test_claims_that_ask_for_less_than_was_required(self):
        tampered = card()
        tampered["method"]["claims"]["guarantee"] = "suppression"
        assert verify(tampered) == [
            "privacy.membership-loss on sentiment/random-10%: required is True, the claims say otherwise",
            "verdict.guarantee is 'retrain_equivalent', the checks give 'suppression'",
        ]

    def test_a_changed_outcome(self):
        tampered = card({FORGETTING: "failed"})
        tampered["checks"][2]["outcome"] = "passed"
        problems = verify(tampered)
        assert "verdict.status is 'nonconformant', the checks give 'conformant'" in problems
        assert "verdict.passed is 5, the checks give 6" in problems

    def test_a_changed_verdict(self):
        tampered = card({FORGETTING: "failed"})
        tampered["verdict"]["status"] = "conformant"
        assert verify(tampered) == ["verdict.status is 'conformant', the checks give 'nonconformant'"]

    def test_a_check_that_is_no_longer_required(self):
        tampered = card({FORGETTING: "failed"})
        tampered["checks"][2]["required"] = False
        problems = verify(tampered)
        assert "forgetting.score on sentiment/random-10%: required is False, the claims say otherwise" in problems
        assert any(line.startswith("verdict.required is 6") for line in problems)

    def removed(checks):
        del checks[2]

    def added(checks):
        checks.append({**checks[-1], "id": "contract.no-network"})

    def renamed(checks):
        checks[2]["id"] = "forgetting.loss"

    def moved(checks):
        checks[2]["scenario"] = "sentiment/random-1%"

    def doubled(checks):
        checks.append(copy.deepcopy(checks[-1]))

    @pytest.mark.parametrize("tamper", [removed, added, renamed, moved, doubled], ids=lambda f: f.__name__)
    def test_other_questions_than_the_manifests(self, tamper):
        tampered = card()
        tamper(tampered["checks"])
        # Even a verdict that fits the changed list does not hide it.
        tampered["verdict"] = overall(tampered["checks"], "retrain_equivalent")
        assert verify(tampered) == ["the checks are not those of the manifest: entries were added, removed or renamed"]

    def test_an_unknown_outcome(self):
        tampered = card()
        tampered["checks"][2]["outcome"] = "superb"
        assert "forgetting.score on sentiment/random-10%: unknown outcome 'superb'" in verify(tampered)

    @pytest.mark.parametrize("key", ["verdict", "suite"])
    def test_a_missing_part(self, key):
        tampered = card()
        del tampered[key]
        assert verify(tampered) == [f"the key '{key}' is missing"]

    def test_a_stronger_guarantee_than_the_claims(self):
        tampered = card(claims=Claims(guarantee="suppression"))
        tampered["verdict"]["guarantee"] = "exact"
        assert verify(tampered)


class TestFiles:
    def test_what_is_written_is_read(self, tmp_path):
        built = card({FORGETTING: "failed"})
        write(built, tmp_path / "scorecard.json")
        assert read(tmp_path / "scorecard.json") == built
        assert [path.name for path in tmp_path.iterdir()] == ["scorecard.json"]

    def test_the_last_key_says_that_it_is_whole(self, tmp_path):
        path = tmp_path / "scorecard.json"
        write(card(), path)
        assert path.read_text().rstrip("}\n ").endswith('"complete": true')

    def test_every_truncation_is_invalid(self, tmp_path):
        path = tmp_path / "scorecard.json"
        write(card(), path)
        text = path.read_text()
        for left in [0, 1, len(text) // 3, len(text) // 2, text.index('"complete"'), len(text.rstrip()) - 1]:
            path.write_text(text[:left])
            with pytest.raises(ScorecardError, match=r"is not valid JSON .*was the run cut off"):
                read(path)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"complete": False}, "is incomplete: the run did not end"),
            ({"complete": "yes"}, "is incomplete"),
            ({"schema": "mu-conformance/scorecard/99"}, "is not a scorecard of schema mu-conformance/scorecard/1"),
        ],
    )
    def test_what_is_not_a_whole_scorecard(self, tmp_path, change, message):
        path = tmp_path / "scorecard.json"
        path.write_text(json.dumps({**card(), **change}))
        with pytest.raises(ScorecardError, match=message):
            read(path)

    @pytest.mark.parametrize("content", ["[]", "3", "null", "{}"])
    def test_other_json(self, tmp_path, content):
        path = tmp_path / "scorecard.json"
        path.write_text(content)
        with pytest.raises(ScorecardError, match="is not a scorecard of schema"):
            read(path)

    def test_no_file(self, tmp_path):
        with pytest.raises(ScorecardError, match=r"scorecard .*absent\.json cannot be read: No such file"):
            read(tmp_path / "absent.json")
        with pytest.raises(ScorecardError, match="cannot be read: Is a directory"):
            read(tmp_path)

    def test_no_nan_is_ever_written(self, tmp_path):
        path = tmp_path / "scorecard.json"
        write(card(), path)
        with pytest.raises(ValueError, match="not JSON compliant"):
            write({**card(), "environment": {"load": math.nan}}, path)
        # and the earlier file is still whole
        assert read(path)["complete"] is True


class TestComparison:
    @pytest.mark.parametrize(
        ("before", "after", "worse"),
        [
            ("passed", "passed", False),
            ("passed", "failed", True),
            ("passed", "inconclusive", True),
            ("passed", "waived", False),
            ("passed", None, True),
            ("waived", "failed", True),
            ("waived", "stale_waiver", True),
            ("failed", "passed", False),
            ("failed", "error", False),
            (None, "failed", False),
        ],
    )
    def test_one_check(self, before, after, worse):
        old, new = card({FORGETTING: before}), card({FORGETTING: after})
        before, after = before or "not_run", after or "not_run"
        line = f"forgetting.score on sentiment/random-10%: {before} before, {after} now"
        assert regressions(old, new) == ([line] if worse else [])
        assert changes(old, new) == ([(*FORGETTING, before, after)] if before != after else [])

    def test_nothing_may_be_dropped(self):
        old, new = card(), card(listed=ENTRIES[:-1])
        assert regressions(old, new) == ["forgetting.score on keyword_spotting/unit: passed before, absent now"]
        assert regressions(new, old) == []
        assert changes(new, old) == [("forgetting.score", "keyword_spotting/unit", "absent", "passed")]


class TestRenders:
    bad = {FORGETTING: "failed", ENTRIES[5].key: "inconclusive", ENTRIES[1].key: "waived"}

    def test_task_rows_by_hand(self):
        found = {row["scenario"]: row for row in task_rows(card(self.bad))}
        assert found["sentiment/contract"]["contract"] == "1/2"
        assert found["sentiment/contract"]["forgetting"] == "-"
        assert found["sentiment/random-10%"]["forgetting"] == "0/1"
        assert found["sentiment/random-10%"]["utility"] == "1/1"
        assert found["keyword_spotting/unit"]["forgetting"] == "0/1"

    def test_the_headline(self):
        assert headline(card(self.bad)) == (
            "3 of 6 required checks passed on keyword_spotting, sentiment; guarantee retrain_equivalent, profile smoke."
        )
        assert "1 of 1 required checks passed on sentiment;" in headline(card(claims=Claims(tasks=())))

    def test_the_terminal_names_what_did_not_pass_and_ends_with_the_verdict(self):
        lines = terminal_lines(card(self.bad))
        assert "  failed: forgetting.score on sentiment/random-10%" in lines
        assert "  inconclusive: forgetting.score on keyword_spotting/unit" in lines
        assert not any("contract.finite" in line for line in lines)
        assert lines[-1] == "mypkg:Mine: NONCONFORMANT"
        assert terminal_lines(card())[-1] == "mypkg:Mine: CONFORMANT"

    def test_a_long_list_is_cut_and_counted(self):
        many = [
            Entry("sentiment", f"sentiment/random-{n}%", "forgetting.score", "text", "random", 0.1)
            for n in range(1, 21)
        ]
        lines = terminal_lines(card({e.key: "failed" for e in many}, listed=many))
        assert sum(line.startswith("  failed: ") for line in lines) == 12
        assert "  ... and 8 more" in lines

    def test_markdown_names_every_required_check_that_did_not_pass(self):
        text = markdown.render(card(self.bad))
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
        text = markdown.render(card())
        assert "Not passed" not in text
        assert "is conformant\n" in text

    def test_markdowns_table_has_a_line_for_each_scenario(self):
        table = [line for line in markdown.render(card()).splitlines() if line.startswith("| ")]
        assert len(table) == 2 + 3
        assert {line.strip().count("|") for line in table} == {9}

    def test_every_render_shows_the_power_of_a_scenario(self):
        found = {"scenario": ENTRIES[2].scenario, "measure": "loss attack AUC", "separation": 13.24}
        made = card(suite={"artefacts_sha256": "0" * 64, "power": [found]})
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
        built = card(self.bad)
        before = copy.deepcopy(built)
        write(built, tmp_path / "scorecard.json")
        assert render(built) == render(read(tmp_path / "scorecard.json"))
        assert built == before


class TestPlain:
    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            (np.float32(0.5), 0.5),
            (np.float64(0.25), 0.25),
            (np.int64(3), 3),
            (np.bool_(True), True),
            (torch.tensor(2), 2),
            (torch.tensor(1.5), 1.5),
            (math.nan, None),
            (math.inf, None),
            (np.float32("-inf"), None),
            (torch.tensor(math.nan), None),
            (None, None),
            (False, False),
            ("text", "text"),
            ((1, (2.5, "x")), [1, [2.5, "x"]]),
            ({1: np.float64(2.0), "k": {"deep": math.nan}}, {"1": 2.0, "k": {"deep": None}}),
            (Path("a/b"), "a/b"),
        ],
    )
    def test_values(self, value, expected):
        found = plain(value)
        assert found == expected
        assert type(found) is type(expected)
        json.dumps(found, allow_nan=False)

    @pytest.mark.parametrize("value", [Outcome.PASSED, np.str_("passed")], ids=["enum", "numpy"])
    def test_strings_are_plain_too(self, value):
        assert type(plain(value)) is str

    def test_a_findings_record(self):
        measurement = Measurement(
            "auc", np.float64(0.5), Interval(-0.1, math.inf, 0.95), margin=np.float32(0.25), original=0.9,
            references=(0.5, np.float64(0.02), 16), runs=4,
        )  # fmt: skip
        assert Finding.failed("too high", measurement).to_json() == {
            "outcome": "failed",
            "message": "too high",
            "measurements": [
                {
                    "name": "auc",
                    "value": 0.5,
                    "interval": [-0.1, None],
                    "level": 0.95,
                    "margin": 0.25,
                    "original": 0.9,
                    "references": {"mean": 0.5, "sd": 0.02, "n": 16},
                    "runs": 4,
                }
            ],
        }
        assert Finding.passed(Measurement("gap", 0.0)).to_json()["measurements"] == [{"name": "gap", "value": 0.0}]


class TestWaivers:
    def file(self, tmp_path: Path, text: str) -> list[Path]:
        path = tmp_path / "waivers.toml"
        path.write_text(text)
        return [path]

    def test_they_are_read_in_order(self, tmp_path):
        text = """
            [[waiver]]
            check = "forgetting.score"
            scenario = "sentiment/*"
            reason = "issue 12"
            [[waiver]]
            check = "contract.finite"
            reason = "issue 13"
        """
        first, second = read_waivers(self.file(tmp_path, text))
        assert first.to_json() == {
            "check": "forgetting.score", "scenario": "sentiment/*", "reason": "issue 12", "source": "waivers.toml",
        }  # fmt: skip
        assert second.scenario == "*"
        assert find_waiver([first, second], "forgetting.score", "sentiment/random-10%") is first
        assert find_waiver([first, second], "forgetting.score", "keyword_spotting/unit") is None
        assert find_waiver([first, second], "forgetting.loss", "sentiment/random-10%") is None
        assert find_waiver([first, second], "contract.finite", "anything/at-all") is second

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ('[[waiver]]\ncheck = "forgetting.scor"\nreason = "x"', r"waiver 1 of .*did you mean .*forgetting\.score"),
            ('[[waiver]]\ncheck = "forgetting.score"', "waiver 1 of .* needs a check and a reason"),
            ('[[waiver]]\ncheck = "forgetting.score"\nreason = ""', "needs a check and a reason"),
            ('[[waiver]]\nreason = "x"', "needs a check and a reason"),
            (
                '[[waiver]]\ncheck = "forgetting.score"\nreason = "x"\nuntil = 3',
                "unknown key 'until'; the keys are check",
            ),
            ("[[waivers]]\n", r"has no \[\[waiver\]\] table"),
            ("", r"has no \[\[waiver\]\] table"),
            ("[[waiver]\n", "cannot be read"),
        ],
    )
    def test_what_cannot_be_used(self, tmp_path, text, message):
        with pytest.raises(WaiverError, match=message):
            read_waivers(self.file(tmp_path, text))

    def test_no_file(self, tmp_path):
        with pytest.raises(WaiverError, match=r"waiver file .*absent\.toml cannot be read"):
            read_waivers([tmp_path / "absent.toml"])
