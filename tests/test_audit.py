"""The audit: who was trained on what, what retraining and doing nothing give, and what is not kept."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from noise_task import NoiseTask

from mu_conformance.adapters import describing
from mu_conformance.checks import manifest
from mu_conformance.conditions.conditions import Conditions
from mu_conformance.decision.outcome import Outcome
from mu_conformance.evidence.audit import audit_scenario, memberships
from mu_conformance.judging.session import JudgingSession
from mu_conformance.judging.settings import Settings
from mu_conformance.measures.membership import epsilon_from_auc, largest_resolvable_epsilon
from mu_conformance.scenarios.profiles import PROFILES

MODELS = 64
PROFILE = dataclasses.replace(PROFILES["smoke"], audit_models=MODELS)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("audit")


def judge(ref: str, cache, profile=PROFILE) -> tuple[JudgingSession, manifest.Entry]:
    task = NoiseTask()
    judge = JudgingSession(
        ref,
        Settings(profile=profile, tasks=("noise",), cache=cache, in_process=True, challenge="drawn for the tests"),
        tasks=[task],
    )
    (entry,) = [entry for entry in judge.entries(task) if entry.kind == "audit"]
    return judge, entry


def finding(ref: str, cache):
    one, entry = judge(ref, cache)
    found = one.finding(entry)
    one.close()
    return found, {m.name: m.value for m in found.measurements}


class TestMemberships:
    def test_each_row_is_in_half_of_the_models(self):
        found = memberships(64, 200, 1)
        assert (found.sum(axis=0) == 32).all()
        # rows are independent: correlations of pairs of columns average to 0, each with deviation 1 / sqrt(63)
        correlations = np.corrcoef(found.T)[np.triu_indices(200, 1)]
        assert abs(correlations.mean()) < 0.01
        assert correlations.std() == pytest.approx(1 / np.sqrt(63), rel=0.1)

    @pytest.mark.parametrize("models", [0, 1, 7])
    def test_a_number_that_cannot_be_halved_is_refused(self, models):
        with pytest.raises(ValueError, match=f"an even number of models, 2 at least, got {models}"):
            memberships(models, 3, 0)


def test_retraining_passes(cache):
    found, measured = finding("mu_conformance.methods:Retrain", cache)
    assert found.outcome is Outcome.PASSED
    assert measured["epsilon of the worst row, lower bound"] == 0.0
    assert measured["AUC, mean over rows"] == pytest.approx(0.5, abs=0.05)
    # 30 rows, corrected for, and a quarter of the error: areas show more than thresholds
    told, level = (np.ones(MODELS // 2), np.zeros(MODELS // 2)), 1 - 0.01 / 4 / 30
    resolvable = epsilon_from_auc(*told, 0.0, level)
    assert measured["largest resolvable epsilon"] == pytest.approx(resolvable)
    assert 0.5 < largest_resolvable_epsilon(MODELS // 2, MODELS // 2, 0.0, level) < resolvable
    assert measured["p-value of the worst row's AUC"] > 0.005


@pytest.mark.parametrize(
    ("ref", "alike"), [("mu_conformance.methods:Retrain", True), ("mu_conformance.controls:DoNothing", False)]
)
def test_retrained_models_are_the_same_whoever_was_trained_on_what(tmp_path, ref, alike):
    # so for retraining every membership is as likely as any other, which is all that the p-value assumes
    one, _ = judge(ref, tmp_path)
    actual = dataclasses.replace(one.audit("noise"), models=4)
    swapped = dataclasses.replace(actual)
    swapped.included = ~actual.included
    assert np.array_equal(actual.confidences, swapped.confidences) == alike
    one.close()


def test_doing_nothing_fails_and_says_how_much_is_shown(cache):
    found, measured = finding("mu_conformance.controls:DoNothing", cache)
    assert found.outcome is Outcome.FAILED
    assert measured["epsilon of the worst row, lower bound"] > 0.3
    assert measured["AUC, mean over rows"] > 0.9
    assert "of 30 is at least" in found.message
    assert "claimed is 0" in found.message


def test_what_a_method_made_is_not_taken_from_another_session(cache):
    first, entry = judge("mu_conformance.methods:Retrain", cache)
    assert first.finding(entry).outcome is Outcome.PASSED
    first.close()
    made = []
    second, entry = judge("mu_conformance.methods:Retrain", cache)
    second.audit("noise").method = NoCalls(made)
    assert second.finding(entry).outcome is Outcome.ERROR
    assert made == [1]
    second.close()


class NoCalls:
    def __init__(self, made: list) -> None:
        self.made = made

    def call(self, spec, seconds):
        self.made.append(1)
        raise RuntimeError("no call is made twice")


def test_a_call_that_fails_is_an_error(tmp_path):
    one, entry = judge("mu_conformance.controls:ExitsZero", tmp_path, dataclasses.replace(PROFILE, audit_models=2))
    one.method.in_process = False
    found = one.finding(entry)
    one.close()
    assert found.outcome is Outcome.ERROR
    assert "audited model 0 on noise/random-10%: escaped" in found.message


def test_under_a_budget_a_call_is_stopped_as_elsewhere(tmp_path):
    task = NoiseTask()
    profile = dataclasses.replace(PROFILE, audit_models=2)
    settings = Settings(
        profile=profile, tasks=("noise",), cache=tmp_path, in_process=True, conditions=Conditions(budget=0.5)
    )
    one = JudgingSession("mu_conformance.methods:Retrain", settings, tasks=[task])
    (entry,) = [entry for entry in one.entries(task) if entry.kind == "audit"]
    found = one.finding(entry)
    one.close()
    assert found.outcome is Outcome.ERROR
    assert "audited model 0 on noise/random-10%+budget-0.5: over_budget" in found.message


def test_only_profiles_with_an_audit_ask_for_it():
    task = NoiseTask()
    for profile in PROFILES.values():
        kinds = {entry.kind for entry in manifest.entries(task, profile, 1)}
        assert ("audit" in kinds) == (profile.name == "thorough")
    assert audit_scenario(task, 0.1) == "noise/audit-10%"


class TestPackageDigest:
    @pytest.fixture
    def package(self, tmp_path):
        folder = tmp_path / "pkg" / "inner"
        folder.mkdir(parents=True)
        for path in (folder.parent / "__init__.py", folder / "__init__.py", folder / "method.py"):
            path.write_text("")
        (tmp_path / "single.py").write_text("")
        (tmp_path / "other.py").write_text("")
        return tmp_path

    @pytest.mark.parametrize(
        ("source", "module"),
        [
            ("pkg/inner/method.py", "pkg.inner.method"),
            ("pkg/inner/__init__.py", "pkg.inner"),
            ("pkg/__init__.py", "pkg"),
        ],
    )
    def test_it_is_of_the_whole_package(self, package, source, module):
        before = describing._package_digest(package / source, module)
        (package / "other.py").write_text("x = 1")
        assert describing._package_digest(package / source, module) == before
        (package / "pkg" / "helper.py").write_text("x = 1")
        assert describing._package_digest(package / source, module) != before

    def test_a_module_alone_is_its_own(self, package):
        before = describing._package_digest(package / "single.py", "single")
        (package / "other.py").write_text("x = 1")
        assert describing._package_digest(package / "single.py", "single") == before
        (package / "single.py").write_text("x = 1")
        assert describing._package_digest(package / "single.py", "single") != before
