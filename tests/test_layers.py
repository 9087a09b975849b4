"""Which layer may import which, and what the wheel must hold."""

from __future__ import annotations

import ast
import fnmatch
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MAPPED = {"fixtures": "mu_conformance.fixtures", "plugins": "mu_conformance.plugins", "suites": "mu_conformance.suites"}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
SOURCES = sorted(path for top in ("mu_conformance", *MAPPED) for path in (ROOT / top).rglob("*.py"))


def module_name(path: Path) -> str:
    """The name under which a file is installed."""
    top, *rest = path.relative_to(ROOT).with_suffix("").parts
    parts = [MAPPED.get(top, top), *rest]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> set[str]:
    """Every module that a file imports anywhere, inside functions and under TYPE_CHECKING too."""
    found = set()
    package = module_name(path).split(".")
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level]) if node.level else ""
            source = ".".join(part for part in (base, node.module) if part)
            found |= {source} | {f"{source}.{alias.name}" for alias in node.names}
    return found


def within(name: str, *packages: str) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def layer(name: str) -> str:
    parts = name.split(".")
    return parts[1] if len(parts) > 1 else ""


def identify(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_the_walk_finds_the_tree():
    # A walk that found nothing would let everything below pass.
    names = {module_name(path) for path in SOURCES}
    assert {"mu_conformance", "mu_conformance.decision.rule", "mu_conformance.plugins.entry"} <= names
    assert {"mu_conformance.fixtures.sentiment", "mu_conformance.suites.classification"} <= names
    assert "pytest" in imports(ROOT / "plugins" / "entry.py")
    assert "mu_conformance.protocol.TrainingRecipe" in imports(ROOT / "mu_conformance" / "training" / "loop.py")


@pytest.mark.parametrize("path", SOURCES, ids=identify)
def test_only_the_front_end_imports_pytest(path):
    if layer(module_name(path)) not in ("plugins", "suites"):
        assert not {name for name in imports(path) if within(name, "pytest", "_pytest", "pluggy", "xdist")}


@pytest.mark.parametrize("path", [p for p in SOURCES if layer(module_name(p)) == "measures"], ids=identify)
def test_measures_import_arrays_and_nothing_of_ours(path):
    allowed = ("numpy", "scipy", "torch", "mu_conformance.measures", "__future__")
    # ``from mu_conformance.measures import x`` names the package and x; the bare package alone stays forbidden.
    foreign = {name for name in imports(path) if not within(name, *allowed)}
    # an attack that its paper defines as one of scikit-learn's classifiers
    if path.stem == "membership_classifiers":
        foreign = {name for name in foreign if not within(name, "sklearn")}
    assert not {name for name in foreign if name.split(".")[0] not in sys.stdlib_module_names}


def test_measures_load_scikit_learn_and_scipy_stats_when_they_are_called_only():
    modules = sorted(module_name(p) for p in SOURCES if layer(module_name(p)) == "measures")
    program = f"import sys, {', '.join(modules)}\nprint(*{{'sklearn', 'scipy.stats', 'torch'}} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == []


FORBIDDEN = {
    # from the library as a whole to its front end
    "": ("plugins", "suites"),
    "checks": ("plugins", "suites", "scorecard", "methods", "controls"),
    "scorecard": ("plugins", "suites", "methods", "controls", "isolation"),
    "methods": ("plugins", "suites", "checks", "scorecard", "controls"),
    "controls": ("plugins", "suites", "scorecard"),
    "isolation": ("plugins", "suites", "checks", "scorecard", "methods", "controls"),
    "fixtures": ("plugins", "suites", "checks", "scorecard", "methods", "controls", "isolation", "measures"),
    "suites": ("plugins",),
    "plugins": (),
}


@pytest.mark.parametrize("path", SOURCES, ids=identify)
def test_arrows_point_one_way(path):
    own = layer(module_name(path))
    forbidden = FORBIDDEN.get(own, FORBIDDEN[""])
    backwards = {name for name in imports(path) if within(name, *(f"mu_conformance.{other}" for other in forbidden))}
    assert not backwards


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
