"""Describe a method for the scorecard: claims, distribution, version, digests of its source."""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
import importlib.util
import sys
import sysconfig
from pathlib import Path
from typing import Any

from mu_conformance.adapters.functions import FunctionAdapter
from mu_conformance.adapters.loading import load_method
from mu_conformance.adapters.trainer import TrainerAdapter
from mu_conformance.discovery import MethodError
from mu_conformance.protocol.claims import Claims
from mu_conformance.protocol.recipe import Overrides, overrides

__all__ = ["PRELOADABLE", "claims_of", "describe", "preloadable", "recipe_of"]

PRELOADABLE = (
    "accelerate",
    "datasets",
    "diffusers",
    "numpy",
    "pandas",
    "peft",
    "scipy",
    "sklearn",
    "torch",
    "transformers",
    "transformers.trainer",
)
"""Modules of libraries that a fork server may import ahead of the fork for a method; never the method's own code."""


def preloadable() -> list[str]:
    """Return the modules imported in this process that a fork server may import for the next call."""
    return [name for name in PRELOADABLE if name in sys.modules]


def claims_of(method: Any) -> Claims:
    """Return the method's claims, the default ones if it states none.

    Raises ``MethodError`` if the attribute is not a ``Claims``.
    """
    claims = getattr(method, "claims", None)
    if claims is None:
        return Claims()
    if not isinstance(claims, Claims):
        raise MethodError(f"claims must be a mu_conformance.Claims, got {type(claims).__name__}")
    return claims


def recipe_of(method: Any) -> Overrides:
    """Return the fields of the recipe by which references of the method are to be trained; empty for the tasks' own.

    Raises ``MethodError`` if the attribute ``recipe`` is none.
    """
    given = getattr(method, "recipe", None)
    if given is None:
        return ()
    try:
        return overrides(given)
    except ValueError as error:
        raise MethodError(str(error)) from None


def describe(ref: str) -> dict[str, Any]:
    """Return the scorecard's description of a method: claims, module, distribution, version, digests of its source.

    Raises ``MethodError`` if the method cannot be loaded.
    """
    method = load_method(ref)
    claims = claims_of(method)
    subject = method
    for adapter, attribute in ((FunctionAdapter, "function"), (TrainerAdapter, "trainer")):
        if isinstance(method, adapter):
            subject = getattr(method, attribute)
    module_name = getattr(subject, "__module__", None) or type(subject).__module__
    source = getattr(sys.modules.get(module_name), "__file__", None)
    package = module_name.partition(".")[0]
    distributions = importlib.metadata.packages_distributions().get(package, [])
    return {
        "claims": claims.to_json(),
        "recipe": dict(recipe_of(method)),
        "module": module_name,
        "distribution": distributions[0] if distributions else None,
        "version": importlib.metadata.version(distributions[0]) if distributions else None,
        "source_sha256": hashlib.sha256(Path(source).read_bytes()).hexdigest() if source else None,
        "package_sha256": _package_digest(Path(source), module_name) if source else None,
        "modules_sha256": _modules_digest(ref),
        "preload": preloadable(),
    }


def _modules_digest(ref: str) -> str:
    """Return the SHA-256 over every loaded module that is neither installed nor ours: the method and what it imports.

    The reference counts too, because hyperparameters stand in it.
    """
    installed = [Path(path).resolve() for path in {*sysconfig.get_paths().values(), sys.base_prefix, sys.prefix}]
    ours = Path(__file__).resolve().parents[1]
    found = {}
    for name, module in list(sys.modules.items()):
        source = getattr(module, "__file__", None)
        if source and source.endswith(".py") and not name.startswith("mu_conformance."):
            path = Path(source).resolve()
            elsewhere = ours not in path.parents and not any(folder in path.parents for folder in installed)
            # Some modules name a file that is not there, such as those that torch makes.
            if elsewhere and path.is_file():
                found[name] = path
    sha = hashlib.sha256(ref.encode())
    for name, path in sorted(found.items()):
        sha.update(f"{name}:".encode())
        sha.update(path.read_bytes())
    return sha.hexdigest()


def _package_digest(source: Path, module: str) -> str:
    """Return the SHA-256 over all source files of a module's top-level package.

    A module outside a package gives the digest of its own file.
    """
    folder = source.parents[module.count(".") - (source.name != "__init__.py")] if "." in module else source.parent
    files = sorted(folder.rglob("*.py")) if "." in module or source.name == "__init__.py" else [source]
    sha = hashlib.sha256()
    for path in files:
        sha.update(f"{path.relative_to(folder).as_posix()}:".encode())
        sha.update(path.read_bytes())
    return sha.hexdigest()
