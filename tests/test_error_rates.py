"""Error rates from pools: rates by hand and by simulation, draws, and a real study of a small task."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from noise_task import NoiseTask
from scipy.stats import binomtest

from mu_conformance import cli
from mu_conformance.error_rates.judgement import DrawnEvidence, draw, models_needed
from mu_conformance.error_rates.pool import kept_rows
from mu_conformance.error_rates.rates import clopper_pearson, pooled_rate
from mu_conformance.error_rates.study import Study, pool_sizes, study
from mu_conformance.evidence.base import EvidenceError
from mu_conformance.scenarios.profiles import PROFILES, Profile
from mu_conformance.scenarios.scenario import scenarios
from mu_conformance.tasks import registry

TINY = Profile("tiny", "for these tests", (4, 8), 8, False, 0.1, 1)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """Models of the noise task, trained once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def tiny(monkeypatch):
    task = NoiseTask()
    monkeypatch.setitem(PROFILES, "tiny", TINY)
    monkeypatch.setattr(registry, "tasks", lambda: {"noise": task})
    monkeypatch.setattr(registry, "find_task", lambda name, data="embedded": task)
    return task


class TestRates:
    @pytest.mark.parametrize(("events", "trials"), [(0, 20), (20, 20), (3, 50), (199, 200)])
    def test_clopper_pearson_is_scipys(self, events, trials):
        expected = binomtest(events, trials).proportion_ci(0.95, "exact")
        assert clopper_pearson(events, trials) == pytest.approx((expected.low, expected.high))

    def test_nothing_of_twenty(self):
        # (1 - p)^20 = 0.025
        assert clopper_pearson(0, 20) == (0.0, pytest.approx(1 - 0.025 ** (1 / 20)))

    @pytest.mark.parametrize(("events", "trials"), [(1, 0), (3, 2), (-1, 4)])
    def test_what_is_no_rate_is_refused(self, events, trials):
        with pytest.raises(ValueError, match="is no rate"):
            clopper_pearson(events, trials)

    def test_where_every_judgement_goes_the_same_way_the_interval_is_that_of_their_number(self):
        options = {"judgements": 40, "replicates": 5, "of_replicate": 3}
        rate = pooled_rate([10], lambda members, generator: False, **options)
        assert (rate.estimate, rate.low, rate.high) == (0.0, *clopper_pearson(0, 40))

    def test_a_pool_whose_few_members_decide_has_a_wide_interval(self):
        # the event is that member 0 of ten is drawn among two: a fifth of the judgements; half of the replicates have
        # that member among their five, with a rate of 2 of 5, and half do not
        def happens(members, generator):
            assert len(members[0]) in (5, 10)
            return 0 in generator.choice(members[0], 2, replace=False)

        rate = pooled_rate([10], happens, judgements=2000, replicates=200, of_replicate=200)
        assert rate.estimate == pytest.approx(0.2, abs=0.04)
        assert rate.low == 0.0
        assert 0.4 < rate.high < 0.55

    def test_intervals_cover_the_rate_of_the_population(self):
        # a judgement is bad if the mean of 4 of 24 standard normal members is above 0.5: 15.9 % of fresh ones
        truth = 0.1587
        covered = 0
        for seed in range(60):
            pool = np.random.default_rng(seed).normal(size=24)

            def happens(members, generator, pool=pool):
                return pool[generator.choice(members[0], 4, replace=False)].mean() > 0.5

            rate = pooled_rate([24], happens, judgements=100, replicates=100, of_replicate=40, seed=seed)
            covered += rate.low <= truth <= rate.high
        # 95 % wanted, so 57 of 60; at most 53 would be seen once in 30 times
        assert covered >= 53


class TestDrawing:
    def test_references_and_runs_are_disjoint_and_of_the_right_number(self, tiny):
        (scenario,) = scenarios(tiny, TINY, 1)
        retrained, originals = [object() for _ in range(16)], [object() for _ in range(5)]
        drawn = draw(scenario, TINY, np.random.default_rng(0), originals, retrained)
        assert (len(drawn.originals), len(drawn.references), len(drawn.runs(8))) == (4, 8, 8)
        assert len({id(one) for one in (*drawn.references, *drawn.runs(8))}) == 16
        with pytest.raises(EvidenceError, match="9 runs are asked for, and 8 were drawn"):
            drawn.runs(9)
        with pytest.raises(EvidenceError, match="no models of unseen requests"):
            _ = drawn.unseen
        with pytest.raises(EvidenceError, match="were not made by calls"):
            drawn.records(1)

    def test_runs_of_another_method(self, tiny):
        (scenario,) = scenarios(tiny, TINY, 1)
        others = [object() for _ in range(8)]
        drawn = draw(scenario, TINY, np.random.default_rng(0), [1, 2, 3, 4], list(range(8)), others)
        assert {id(one) for one in drawn.runs(8)} == {id(one) for one in others}

    @pytest.mark.parametrize(
        ("originals", "retrained", "says"),
        [(3, 20, "draws 4 originals, and there are 3"), (4, 15, "draws 16 retrained models, and there are 15")],
    )
    def test_too_small_a_pool_is_refused(self, tiny, originals, retrained, says):
        (scenario,) = scenarios(tiny, TINY, 1)
        with pytest.raises(ValueError, match=says):
            draw(scenario, TINY, np.random.default_rng(0), list(range(originals)), list(range(retrained)))

    @pytest.mark.parametrize("name", ["smoke", "standard", "thorough"])
    def test_a_pool_has_twice_what_a_judgement_draws_and_64_at_least(self, name):
        sizes, needed = pool_sizes(PROFILES[name]), models_needed(PROFILES[name])
        assert sizes["retrained"] >= max(64, 2 * (needed["references"] + needed["runs"]))
        assert sizes["originals"] >= max(64, 2 * needed["originals"])
        assert sizes["partial"] >= 2 * needed["runs"]

    @pytest.mark.parametrize(("share", "kept"), [(0.0, 0), (0.1, 3), (0.5, 15), (1.0, 30)])
    def test_a_share_of_the_forget_rows_is_kept(self, tiny, share, kept):
        (scenario,) = scenarios(tiny, TINY, 1)
        rows = kept_rows(scenario, share, 0)
        assert len(rows) == len(scenario.retain) + kept
        if 0 < share < 1:
            assert rows.digest() != kept_rows(scenario, share, 1).digest()
            assert rows.digest() == kept_rows(scenario, share, 0).digest()

    def test_a_share_outside_0_to_1_is_refused(self, tiny):
        (scenario,) = scenarios(tiny, TINY, 1)
        with pytest.raises(ValueError, match=r"lies in \[0, 1\], got 1.5"):
            kept_rows(scenario, 1.5, 0)


POOL = {"originals": 12, "retrained": 40, "partial": 8}
PLAN = Study("noise", "tiny", (0.7,), 30, 10, 5, POOL, easy=(0.5,))


def test_retraining_passes_and_a_method_that_forgets_little_does_not(tiny, cache):
    said = []
    found = study(PLAN, cache, say=said.append)
    assert found["scenarios"] == ["noise/random-10%"]
    assert found["false_alarm_rate"]["estimate"] <= 0.2
    (partial,) = found["detection"]
    assert partial["kept"] == 0.7
    assert partial["estimate"] >= 0.9
    assert partial["interval"][1] == 1.0
    assert partial["by_scenario"] == {"noise/random-10%": partial["estimate"]}
    assert partial["not_passed_by_check"]["noise/random-10% privacy.membership-loss"] > 0.5
    (easy,) = found["detection_easy"]
    assert easy["kept"] == 0.5
    assert easy["estimate"] >= 0.9
    assert found["pool"] == POOL
    assert said[0] == "noise: 68 models of 1 scenarios"

    # what was trained is in the store: nothing is trained again, and the same judgements are drawn
    files = {path: path.stat().st_mtime_ns for path in cache.rglob("*.safetensors")}
    assert study(PLAN, cache) == found
    assert {path: path.stat().st_mtime_ns for path in cache.rglob("*.safetensors")} == files


def test_the_command_writes_the_rates_and_keeps_those_of_other_tasks(tiny, cache, tmp_path, monkeypatch, capsys):
    from mu_conformance.error_rates import study as module

    monkeypatch.setattr(
        module,
        "Study",
        lambda *given, easy: dataclasses.replace(PLAN, shares=given[2], judgements=given[3], easy=easy[:1]),
    )
    output = tmp_path / "rates" / "validity.json"
    output.parent.mkdir()
    output.write_text(json.dumps({"studies": {"smoke other": RATES}}))
    arguments = ["validate", "noise", "--profile", "tiny", "--cache", str(cache), "--output", str(output)]
    assert cli.main([*arguments, "--judgements", "10", "--shares", "0.8", "0.7"]) == 0
    written = json.loads(output.read_text())
    assert set(written["studies"]) == {"smoke other", "tiny noise"}
    assert written["studies"]["tiny noise"]["false_alarm_rate"]["judgements"] == 10
    assert [one["kept"] for one in written["studies"]["tiny noise"]["detection"]] == [0.7, 0.8]
    assert list(output.parent.iterdir()) == [output]
    assert "noise" in capsys.readouterr().out


RATES = {
    "task": "other",
    "profile": "smoke",
    "false_alarm_rate": {"estimate": 0.0, "interval": [0.0, 0.02]},
    "detection": [],
}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nowhere"], "unknown task 'nowhere'"),
        (["noise", "--profile", "none"], "unknown profile 'none'"),
        (["noise", "--output", "{file}"], "is not what validate writes (JSONDecodeError)"),
        (["noise", "--output", "{list}"], "is not what validate writes (TypeError)"),
        (["noise", "--cache", "{file}"], "is a file; name another with --cache"),
    ],
)
def test_input_that_cannot_be_used(tiny, tmp_path, capsys, arguments, says):
    (tmp_path / "text").write_text("no JSON")
    (tmp_path / "list").write_text("[]")
    places = {"file": tmp_path / "text", "list": tmp_path / "list"}
    assert cli.main(["validate", *(text.format(**places) for text in arguments)]) == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize("count", ["0", "-3", "many", "1.5"])
def test_numbers_that_are_none(tiny, count, capsys):
    with pytest.raises(SystemExit):
        cli.main(["validate", "noise", "--judgements", count])
    assert "a number of 1 or more is needed" in capsys.readouterr().err


@pytest.mark.parametrize("share", ["0", "1", "-0.1", "nan", "some"])
def test_shares_that_are_none(tiny, share, capsys):
    with pytest.raises(SystemExit):
        cli.main(["validate", "noise", "--shares", "0.5", share])
    assert "a share of the forget rows lies between 0 and 1" in capsys.readouterr().err


def test_drawn_evidence_is_evidence_of_its_models(tiny):
    (scenario,) = scenarios(tiny, TINY, 1)
    evidence = DrawnEvidence(scenario, TINY, [1], [2], [3])
    assert (evidence.originals, evidence.references, evidence.runs(1)) == ([1], [2], [3])
    assert evidence.task is tiny
