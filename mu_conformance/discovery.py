"""Find modules of a package, classes by name, and objects by reference."""

from __future__ import annotations

import difflib
import functools
import importlib
import importlib.metadata
import importlib.util
import os
import pkgutil
import re
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

__all__ = [
    "MethodError",
    "UnknownName",
    "installed_folders",
    "is_installed",
    "load_object",
    "member",
    "member_names",
    "members",
    "modules_of",
    "one_of",
]


class UnknownName(LookupError):
    """Raised for a name that is not registered; the message names the choices."""

    def __str__(self) -> str:
        return str(self.args[0])


def one_of(kind: str, name: str, known: list[str]) -> str:
    """Return ``name`` if it is known; raise ``UnknownName``, close matches first, if not.

    Args:
        kind: kind of name, for the message.
        name: name to look up.
        known: names that are known.
    """
    if name in known:
        return name
    near = difflib.get_close_matches(name, known)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    raise UnknownName(f"unknown {kind} {name!r}; {hint}the choices are: {', '.join(known)}")


def modules_of(package: str) -> Iterator[ModuleType]:
    """Import and yield every module below a package, in the order of their names."""
    root = importlib.import_module(package)
    for found in sorted(pkgutil.walk_packages(root.__path__, f"{package}."), key=lambda m: m.name):
        yield importlib.import_module(found.name)


@functools.cache
def _modules_by_class(package: str) -> dict[str, str]:
    """Return the module of each class in a package of methods or controls, without importing any.

    The class is the one name in the file's ``__all__``.
    """
    root = importlib.import_module(package)
    found: dict[str, str] = {}
    for folder in root.__path__:
        for path in sorted(Path(folder).glob("[!_]*.py")):
            exported = re.search(r'^__all__ = \["(\w+)"\]', path.read_text(encoding="utf-8"), re.MULTILINE)
            if exported is None:
                raise ImportError(f"{path.name} of {package} must hold one class, and name it alone in __all__")
            found[exported[1]] = f"{package}.{path.stem}"
    return found


def members(package: str) -> dict[str, type]:
    """Return the class of each module in a package of methods or controls, by name."""
    return {name: getattr(importlib.import_module(module), name) for name, module in _modules_by_class(package).items()}


def member(package: str, name: str) -> type:
    """Return the class ``name`` of a package of methods or controls; ``AttributeError`` if no file holds it."""
    module = _modules_by_class(package).get(name)
    if module is None:
        raise AttributeError(f"module {package!r} has no attribute {name!r}")
    return getattr(importlib.import_module(module), name)


def member_names(package: str) -> list[str]:
    """Return the names of a package's methods or controls, without importing them."""
    return sorted(_modules_by_class(package))


def installed_folders() -> tuple[str, ...]:
    """Return the folders of the standard library and of installed packages, with a separator at the end."""
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    paths = {path for name in names for path in (sysconfig.get_path(name), os.path.realpath(sysconfig.get_path(name)))}
    return tuple(sorted(os.path.join(path, "") for path in paths))


def is_installed(name: str) -> bool:
    """Return whether a module would be imported from an installed package; at most its parent is imported."""
    spec = importlib.util.find_spec(name)
    return spec is not None and str(spec.origin).startswith(installed_folders())


class MethodError(Exception):
    """Raised when ``--method`` names nothing usable; the message is one line and says what to do."""


def load_object(ref: str, what: str = "method") -> Any:
    """Import and return ``module:attribute``; raise ``MethodError``, with close matches, if there is none.

    Args:
        ref: reference, ``module:attribute``.
        what: kind of object, for the message.
    """
    module_name, _, attribute = ref.partition(":")
    if not module_name or not attribute:
        raise MethodError(f"{what} {ref!r} is not of the form module:attribute, such as mypkg:MyUnlearner")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        missing = error.name or module_name
        if module_name == missing or module_name.startswith(missing + "."):
            raise MethodError(f"no module named {missing!r} for {what} {ref!r}{_close_modules(missing)}") from None
        raise MethodError(f"{what} {ref!r}: importing it needs the missing module {missing!r}") from error
    except Exception as error:
        raise MethodError(f"{what} {ref!r}: importing it raised {type(error).__name__}: {error}") from error
    found: Any = module
    for part in attribute.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            near = difflib.get_close_matches(part, [n for n in dir(found) if not n.startswith("_")])
            hint = f"; did you mean {' or '.join(near)}?" if near else ""
            raise MethodError(f"module {module_name!r} has no attribute {attribute!r}{hint}") from None
    return found


def _close_modules(name: str) -> str:
    import pkgutil

    parent, _, last = name.rpartition(".")
    try:
        path = list(importlib.import_module(parent).__path__) if parent else None
        candidates = [module.name for module in pkgutil.iter_modules(path)]
    except Exception:
        return ""
    near = difflib.get_close_matches(last, candidates)
    prefix = f"{parent}." if parent else ""
    if near:
        return f"; did you mean {' or '.join(prefix + n for n in near)}?"
    return "; is it installed in this environment, or in the folder you run from?"
