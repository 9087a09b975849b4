"""What was not measured from outside is not called passed."""

from __future__ import annotations

import pytest

from mu_conformance.checks.catalogue import catalogue
from mu_conformance.decision.finding import Finding, Measurement
from mu_conformance.decision.outcome import Fault, Level, Outcome
from mu_conformance.isolation import sandbox
from mu_conformance.judging.settings import Settings, SettingsError, sandbox_for
from mu_conformance.judging.unverified import RESTS_ON_SANDBOX, unverified
from mu_conformance.scenarios.profiles import PROFILES
from mu_conformance.scorecard import verdict
from mu_conformance.scorecard.document import Check

PASSED = Finding.passed(Measurement("processor seconds", 1.0))


def test_every_check_named_is_one():
    assert set(RESTS_ON_SANDBOX) <= set(catalogue())


@pytest.mark.parametrize("check", RESTS_ON_SANDBOX)
@pytest.mark.parametrize(("decides", "level"), [(False, Level.SHOULD), (True, None)])
def test_a_pass_becomes_inconclusive(check, decides, level):
    found = unverified(check, PASSED, decides=decides)
    assert (found.outcome, found.level) == (Outcome.INCONCLUSIVE, level)
    assert found.message.startswith("unverified: ")
    assert found.measurements == PASSED.measurements


@pytest.mark.parametrize("finding", [Finding.failed("tried to connect"), Finding.error("x", Fault.METHOD)])
def test_what_is_no_pass_stays(finding):
    assert unverified("contract.no-network", finding, decides=False) is finding


def test_other_checks_stay():
    assert unverified("contract.finite", PASSED, decides=False) is PASSED


class TestChoice:
    @pytest.fixture(autouse=True)
    def none_here(self, monkeypatch):
        sandbox._find_sandbox.cache_clear()
        monkeypatch.setattr(sandbox, "_candidates", list)
        yield
        sandbox._find_sandbox.cache_clear()

    @pytest.mark.parametrize(
        ("choice", "profile", "says"),
        [
            ("require", "smoke", "no sandbox: bubblewrap is missing; install bubblewrap"),
            ("auto", "thorough", "no sandbox: bubblewrap is missing; install bubblewrap"),
            ("off", "thorough", "the thorough profile runs the method in a sandbox only"),
        ],
    )
    def test_what_cannot_be_had_is_refused(self, choice, profile, says):
        with pytest.raises(SettingsError, match=says):
            sandbox_for(choice, PROFILES[profile])

    def test_smoke_goes_without_and_says_so(self):
        assert sandbox_for("auto", PROFILES["smoke"]) is None
        assert Settings().sandbox_name == "none"
        assert sandbox.why_none().startswith("no sandbox: bubblewrap is missing")


class TestVerdict:
    def test_it_is_a_recommendation_and_under_strict_undecided(self):
        found = unverified("contract.no-network", PASSED, decides=False)
        entry = Check(
            "contract.no-network", "toy", "tabular", "toy/contract", "contract", None, (), found.outcome, True,
            level=Level(found.level), message=found.message,
        )  # fmt: skip
        assert entry.unverified
        assert entry.recommendation
        assert verdict._passed(entry, strict=False)
        assert not verdict._passed(entry, strict=True)
        assert not verdict._broken(entry, strict=True)


def test_a_run_without_one_says_so_and_nothing_of_it_decides(toy):
    run = toy.run("retrain", "-v", "--mu-sandbox", "off")
    assert "mu-conformance: sandbox none (" in run.output
    assert run.card["suite"]["sandbox"] == "none"
    for check in RESTS_ON_SANDBOX:
        assert set(run.outcomes(check).values()) == {"inconclusive"}, check
    assert not set(run.card["verdict"]["not_passed"]) & set(RESTS_ON_SANDBOX)
    assert {one["id"] for one in run.card["verdict"]["recommendations"]} == set(RESTS_ON_SANDBOX)
    assert "failed" not in next(line for line in run.output.splitlines() if " of " in line and "passed" in line)


def test_an_unwritable_cache_ends_no_run_where_warnings_are_errors(toy):
    toy.cache.parent.mkdir(exist_ok=True)
    run = toy.run("retrain", "-W", "error", "--mu-cache", "/proc/no-such-folder", "-k", "contract-contract.finite")
    assert "INTERNALERROR" not in run.output
    assert run.outcomes()["contract.finite", "toy/contract"] == "passed"


def test_collecting_moves_no_scorecard(toy):
    report = toy.folder / "mu-report"
    report.mkdir()
    (report / "scorecard.json").write_text("{}")
    run = toy.run("retrain", "--collect-only")
    assert run.status == 0
    assert [path.name for path in report.iterdir()] == ["scorecard.json"]
