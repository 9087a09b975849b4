"""Finding things by looking: tasks, methods, controls, modules."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from mu_conformance.adapters.loading import load_method
from mu_conformance.checks import catalogue, find_check
from mu_conformance.checks.catalogue import check
from mu_conformance.decision.finding import Finding
from mu_conformance.decision.outcome import Level
from mu_conformance.discovery import UnknownName, load_object, member, member_names, members, modules_of, one_of
from mu_conformance.protocol.claims import Claims
from mu_conformance.scenarios import forget_sets
from mu_conformance.tasks import registry
from mu_conformance.tasks.registry import find_task

PACKAGES = ("mu_conformance.methods", "mu_conformance.controls")

SIDES = {
    "forgetting.backdoor": "Above Below",
    "forgetting.extraction": "Above Below",
    "forgetting.loss": "Above Below",
    "forgetting.mislabelled": "Above Below",
    "forgetting.output-divergence": "Above",
    "forgetting.score": "Above Below",
    "forgetting.verbatim": "Above Below",
    "privacy.chosen-rows": "Above",
    "privacy.membership-lira": "Above Below",
    "privacy.membership-loss": "Above Below",
    "privacy.membership-rmia": "Above",
    "privacy.retain-exposure": "Above",
    "privacy.streisand": "Above Below",
    "privacy.within-class": "Above Below",
    "privacy.worst-rows": "Above",
    "robustness.few-rows": "Above",
    "robustness.noise-and-pruning": "Above",
    "robustness.quantization": "Above",
    "robustness.relearning": "Above Below",
    "robustness.representation-alignment": "Below",
    "robustness.representation-probe": "Above",
    "robustness.seeds": "Above Below",
    "robustness.sequential-requests": "Above Below",
    "utility.calibration": "Above",
    "utility.no-collapse": "Above",
    "utility.out-of-distribution": "Below",
    "utility.retain-score": "Below",
    "utility.test-score": "Below",
    "utility.worst-group": "Below",
}
"""Sides of the references on which a check can fail; the others compare nothing with references, or both sides mean
the same (``robustness.unseen-request``)."""


class TestOneOf:
    def test_a_known_name_is_itself(self):
        assert one_of("task", "b", ["a", "b"]) == "b"

    def test_close_matches_come_first(self):
        with pytest.raises(UnknownName) as caught:
            one_of("task", "sentimant", ["biography", "sentiment"])
        message = "unknown task 'sentimant'; did you mean sentiment? the choices are: biography, sentiment"
        # and not the repr that a LookupError's subclass KeyError would print
        assert str(caught.value) == message

    def test_without_a_close_match_there_are_still_the_choices(self):
        with pytest.raises(UnknownName, match=r"^unknown profile 'zzz'; the choices are: a, b$"):
            one_of("profile", "zzz", ["a", "b"])


class TestTasks:
    def test_each_is_listed_under_its_own_name_in_its_own_folder(self):
        folders = {path.parent.name for path in Path(inspect.getfile(load_fixtures())).parent.glob("*/__init__.py")}
        assert set(registry.tasks()) <= folders
        for name, task in registry.tasks().items():
            assert task.name == name
            assert Path(inspect.getfile(type(task))).parent.name == name

    def test_each_says_what_a_list_shows(self):
        for task in registry.tasks().values():
            assert task.summary
            assert task.modality in ("image", "text", "audio", "video", "multimodal", "biomedical", "tabular")
            assert task.architectures
            assert set(task.forget_sets) <= set(forget_sets.kinds())
            assert load_object(task.ref, "task") is type(task)

    def test_an_unknown_task_names_the_choices(self):
        with pytest.raises(
            UnknownName, match=r"unknown task 'sentimnt'; did you mean sentiment\? the choices are: .*, "
        ):
            find_task("sentimnt")

    def test_a_task_of_another_distribution_is_found(self, tmp_path, monkeypatch):
        (tmp_path / "mu_other_task.py").write_text("class Theirs:\n    name = 'theirs'\n\nINSTANCE = Theirs()\n")
        folder = tmp_path / "mu_other-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: mu-other\nVersion: 1.0\n")
        # once as a class, once as an instance
        for target in ("Theirs", "INSTANCE"):
            (folder / "entry_points.txt").write_text(f"[mu_conformance.tasks]\ntheirs = mu_other_task:{target}\n")
            with monkeypatch.context() as patch:
                patch.syspath_prepend(tmp_path)
                registry.tasks.cache_clear()
                try:
                    assert type(find_task("theirs")).__name__ == "Theirs"
                    assert find_task("sentiment").name == "sentiment"
                finally:
                    registry.tasks.cache_clear()
        with pytest.raises(UnknownName, match="unknown task 'theirs'"):
            find_task("theirs")

    def test_a_task_does_not_replace_another(self, tmp_path, monkeypatch):
        (tmp_path / "mu_replacing_task.py").write_text("class Theirs:\n    name = 'tabular'\n")
        folder = tmp_path / "mu_other-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: mu-other\nVersion: 1.0\n")
        (folder / "entry_points.txt").write_text("[mu_conformance.tasks]\ntheirs = mu_replacing_task:Theirs\n")
        with monkeypatch.context() as patch:
            patch.syspath_prepend(tmp_path)
            registry.tasks.cache_clear()
            try:
                with pytest.raises(UnknownName, match="mu_replacing_task:Theirs names a second task 'tabular'"):
                    find_task("tabular")
            finally:
                registry.tasks.cache_clear()


def load_fixtures():
    import mu_conformance.fixtures

    return mu_conformance.fixtures


@pytest.mark.parametrize("package", PACKAGES)
class TestMembers:
    def test_every_file_holds_the_class_of_its_name(self, package):
        found = members(package)
        assert sorted(found) == member_names(package) == sorted(dir(__import__(package, fromlist=["x"])))
        assert found
        for name, cls in found.items():
            assert cls.__name__ == name
            assert member(package, name) is cls
            assert inspect.getdoc(cls)

    def test_each_is_a_method_by_its_ref(self, package):
        for name in member_names(package):
            method = load_method(f"{package}:{name}")
            assert callable(method.unlearn)
            assert isinstance(getattr(method, "claims", Claims()), Claims)

    def test_what_is_not_there(self, package):
        with pytest.raises(AttributeError, match=f"module '{package}' has no attribute 'Nothing'"):
            member(package, "Nothing")


def test_every_control_names_a_check_that_exists():
    for name, control in members("mu_conformance.controls").items():
        assert control.caught_by in catalogue(), name


def test_a_name_is_what_the_field_writes():
    assert {"BadTeaching", "NegGradPlus", "SCRUB"} <= set(member_names("mu_conformance.methods"))
    assert member("mu_conformance.methods", "SCRUB").__module__ == "mu_conformance.methods.scrub"


def test_a_file_that_does_not_name_its_class_is_an_error(tmp_path, monkeypatch):
    (tmp_path / "mu_two_classes").mkdir()
    (tmp_path / "mu_two_classes" / "__init__.py").touch()
    (tmp_path / "mu_two_classes" / "both.py").write_text('__all__ = ["One", "Two"]\n')
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ImportError, match=r"both.py of mu_two_classes must hold one class"):
        member_names("mu_two_classes")


def test_modules_of_goes_all_the_way_down_in_order(tmp_path, monkeypatch):
    for path in ("b.py", "__init__.py", "a/__init__.py", "a/deep.py"):
        target = tmp_path / "mu_some_package" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
    monkeypatch.syspath_prepend(tmp_path)
    found = [module.__name__ for module in modules_of("mu_some_package")]
    assert found == ["mu_some_package.a", "mu_some_package.a.deep", "mu_some_package.b"]


class TestCatalogue:
    def test_an_id_says_where_its_file_is(self):
        for id, entry in catalogue().items():
            family, _, name = id.partition(".")
            assert entry.ref.partition(":")[0] == f"mu_conformance.checks.{family}.{name.replace('-', '_')}"
            assert (entry.id, entry.family) == (id, family)

    def test_every_file_of_a_family_registers_its_check(self):
        root = Path(inspect.getfile(load_fixtures())).parents[1] / "mu_conformance" / "checks"
        paths = [path for path in root.glob("*/[!_]*.py") if path.parent.name != "statistics"]
        files = {f"{path.parent.name}.{path.stem.replace('_', '-')}" for path in paths}
        assert files == set(catalogue())

    def test_every_check_explains_itself(self):
        for entry in catalogue().values():
            assert entry.summary.endswith((".", ":")), entry.id
            headings = re.findall(r"^\*\*(.+?)\.\*\* \S", entry.explanation, re.MULTILINE)
            assert headings == ["Why", "Decision", "Level", "If it fails", "Try", "References"], entry.id
            assert all(entry.section(heading) for heading in headings), entry.id
            assert len(entry.advice.split()) >= 5, entry.id

    def test_a_section_is_one_line_and_an_absent_one_is_empty(self):
        assert find_check("forgetting.backdoor").section("References") == "Pawelczyk et al. 2024 (arXiv 2406.17216)."
        assert find_check("contract.input-model-unchanged").advice == (
            "Work on ``copy.deepcopy(model)``, or claim ``in_place``."
        )
        assert not [entry.id for entry in catalogue().values() if "\n" in entry.section("Decision")]
        assert find_check("forgetting.score").section("Whose") == ""

    def test_a_failure_has_a_meaning_on_each_side_that_counts(self):
        for id, entry in catalogue().items():
            said = re.findall(r"(Above|Below) the references:", entry.section("If it fails"))
            assert said == SIDES.get(id, "").split(), id
            # No other spelling hides a clause.
            assert not re.search(
                r"\b(?:Above|Below|Too high|Too low)\b(?! the references:)", entry.section("If it fails")
            )

    def test_the_meaning_of_one_side_by_hand(self):
        two_sided, one_sided = find_check("forgetting.score"), find_check("utility.test-score")
        assert two_sided.meaning(True) == (
            "Rows are remembered. Where the rows were mislabelled, the method over-forgets instead."
        )
        assert two_sided.meaning(False) == (
            "The method over-forgets. Where the rows were mislabelled, they are remembered instead."
        )
        assert two_sided.meaning(None) == two_sided.section("If it fails")
        assert one_sided.meaning(False) == "The method damages what the model was trained for."
        assert one_sided.meaning(True) == one_sided.section("If it fails")
        assert find_check("contract.finite").meaning(True) == find_check("contract.finite").section("If it fails")

    def test_a_checks_page_says_its_level(self):
        for entry in catalogue().values():
            said = entry.explanation.partition("**Level.** ")[2].partition("\n\n")[0]
            assert said.startswith("MUST") is (entry.level is Level.MUST), entry.id
            assert ("SHOULD" in said) is (entry.level is Level.SHOULD or entry.partly_should), entry.id

    def test_which_checks_are_hygiene(self):
        assert {entry.id for entry in catalogue().values() if entry.level is Level.SHOULD} == {
            "contract.batches-vary",
            "contract.empty-request",
        }
        assert {entry.id for entry in catalogue().values() if entry.partly_should} == {
            "privacy.retain-exposure",
            "utility.calibration",
            "contract.global-state-unchanged",
            "contract.mode-and-device-preserved",
        }

    def test_an_unknown_check_names_the_close_ones(self):
        with pytest.raises(UnknownName, match=r"unknown check 'forgetting.scor'; did you mean .*forgetting\.score"):
            find_check("forgetting.scor")

    def test_two_checks_cannot_share_an_id(self):
        with pytest.raises(ValueError, match=r"two checks are called 'forgetting\.score'"):
            check("forgetting.score", "evidence")(lambda evidence: Finding.passed())
        assert find_check("forgetting.score").ref == "mu_conformance.checks.forgetting.score:score"
