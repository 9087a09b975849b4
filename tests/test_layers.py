"""Which layer may import which, and what the wheel must hold."""

from __future__ import annotations

import fnmatch
import subprocess
import sys
import tomllib
from pathlib import Path

import import_walk
import pytest

import mu_conformance

ROOT = Path(__file__).resolve().parents[1]
MAPPED = import_walk.MAPPED
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
SOURCES = [path for path in import_walk.sources(ROOT) if "benchmarks" not in path.relative_to(ROOT).parts]
FACADE = set(mu_conformance.__all__)


def imports(path: Path) -> set[str]:
    return import_walk.imports(path, ROOT)


def module_name(path: Path) -> str:
    return import_walk.module_name(path, ROOT)


def within(name: str, *packages: str) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def room(path: Path) -> str:
    return import_walk.room(module_name(path)) or ""


def identify(path: Path) -> str:
    return str(path.relative_to(ROOT))


FILES = import_walk.file_arrows(ROOT)
ROOMS = import_walk.room_arrows(FILES)


class TestWalk:
    """A walk that found nothing would let everything below pass."""

    def test_it_finds_the_tree(self):
        names = {module_name(path) for path in SOURCES}
        assert {"mu_conformance", "mu_conformance.decision.rule", "mu_conformance.plugins.entry"} <= names
        assert {"mu_conformance.fixtures.sentiment", "mu_conformance.suites.classification"} <= names
        assert "pytest" in imports(ROOT / "plugins" / "entry.py")
        assert "mu_conformance.plugins.session" in imports(ROOT / "plugins" / "entry.py")

    def test_imports_inside_functions_for_typing_and_relative_ones_count(self, tmp_path):
        folder = tmp_path / "mu_conformance" / "a"
        folder.mkdir(parents=True)
        (folder / "__init__.py").write_text("from .two import x\n")
        (folder / "one.py").write_text(
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import mu_conformance.b\n"
            "def f():\n    from mu_conformance.c.d import e\n    from . import two\n    from ..b import y\n"
        )
        found = import_walk.imports(folder / "one.py", tmp_path)
        assert {"mu_conformance.b", "mu_conformance.c.d", "mu_conformance.a.two", "mu_conformance.b.y"} <= found
        assert "mu_conformance.a.two.x" in import_walk.imports(folder / "__init__.py", tmp_path)

    def test_circles_floors_and_upward_arrows_by_hand(self):
        arrows = {"judging": {"checks"}, "checks": {"tasks", "evidence"}, "evidence": {"checks"}, "tasks": set()}
        assert import_walk.circles(arrows) == [["checks", "evidence"]]
        assert import_walk.floors(arrows) == 3
        assert import_walk.upwards(arrows) == [("evidence", "checks")]
        assert import_walk.upwards({"cli": {"judging"}, "judging": set()}) == [("cli", "judging")]


def test_a_package_imports_only_packages_of_layers_below_its_own():
    assert import_walk.upwards(ROOMS) == []


@pytest.mark.parametrize("name", sorted(ROOMS))
def test_every_room_has_a_layer(name):
    assert import_walk.layer(name) >= 1


def test_no_files_import_each_other_in_a_circle():
    assert import_walk.circles(FILES) == []


@pytest.mark.parametrize("path", SOURCES, ids=identify)
def test_only_the_front_end_imports_pytest(path):
    if room(path) not in ("plugins", "suites"):
        assert not {name for name in imports(path) if within(name, "pytest", "_pytest", "pluggy", "xdist")}


@pytest.mark.parametrize("path", SOURCES, ids=identify)
def test_nothing_inside_imports_the_facade(path):
    if path != ROOT / "mu_conformance" / "__init__.py":
        named = {name for name in imports(path) if name.count(".") == 1 and within(name, "mu_conformance")}
        assert not {name for name in named if room(path) != "" and name.partition(".")[2] in FACADE}


@pytest.mark.parametrize("path", [p for p in SOURCES if room(p) in ("measures", "decision")], ids=identify)
def test_measures_and_decision_import_numpy_and_scipy_only(path):
    own = room(path)
    allowed = ("numpy", "scipy", f"mu_conformance.{own}", "__future__")
    # an attack that its paper defines as one of scikit-learn's classifiers
    extra = ("sklearn",) if path.stem == "membership_classifiers" else ()
    foreign = {name for name in imports(path) if not within(name, *allowed, *extra)}
    assert not {name for name in foreign if name.split(".")[0] not in sys.stdlib_module_names}


@pytest.mark.parametrize("path", [p for p in SOURCES if room(p) != "isolation"], ids=identify)
def test_only_isolation_imports_the_childs_module(path):
    assert not {name for name in imports(path) if within(name, "mu_conformance.isolation.child")}


def test_measures_load_scikit_learn_and_scipy_stats_when_they_are_called_only():
    modules = sorted(module_name(p) for p in SOURCES if room(p) == "measures")
    program = f"import sys, {', '.join(modules)}\nprint(*{{'sklearn', 'scipy.stats', 'torch'}} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == []


def test_a_suite_of_a_modality_rests_on_the_shared_suites_alone():
    for path in (ROOT / "suites").glob("*/test_*.py"):
        ours = {name for name in imports(path) if within(name, "mu_conformance")}
        assert ours
        assert all(within(name, "mu_conformance.suites") for name in ours), path


def folders() -> set[Path]:
    """Folders of ours that hold anything to install."""
    found = {path.parent for top in ("mu_conformance", *MAPPED) for path in (ROOT / top).rglob("*") if path.is_file()}
    return {folder for folder in found if "__pycache__" not in folder.parts and not folder.name.endswith(".egg-info")}


def test_the_package_list_is_the_tree():
    setuptools = PROJECT["tool"]["setuptools"]
    tree = {module_name(folder / "__init__.py") for folder in folders()}
    assert sorted(setuptools["packages"]) == sorted(tree)
    assert setuptools["package-dir"] == {package: folder for folder, package in MAPPED.items()}


def test_every_folder_is_a_package():
    assert not [identify(folder) for folder in folders() if not (folder / "__init__.py").exists()]


def test_every_data_file_is_packaged():
    patterns = PROJECT["tool"]["setuptools"]["package-data"]["*"]
    for folder in folders():
        for path in folder.iterdir():
            if path.is_file() and path.suffix != ".py":
                assert any(fnmatch.fnmatch(path.name, pattern) for pattern in patterns), identify(path)


def test_importing_the_package_and_the_plugins_entry_costs_nothing_heavy():
    heavy = ("torch", "transformers", "numpy", "scipy", "sklearn", "safetensors", "hypothesis", "jinja2")
    program = (
        "import sys, mu_conformance, mu_conformance.plugins.entry, mu_conformance.protocol\n"
        "assert mu_conformance.Claims().max_ratio == 0.1\n"
        f"print(*[name for name in {heavy!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == []


def test_the_entry_point_is_named_as_its_module():
    points = PROJECT["project"]["entry-points"]["pytest11"]
    assert points == {"mu_conformance.plugins.entry": "mu_conformance.plugins.entry"}
