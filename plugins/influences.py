"""What can change a run from outside: plugins, conftests, configuration, environment, modules that are not installed.

Whoever runs the suite chooses these. Each is recorded with its file's digest, and named in the verdict's line unless it
is on a short list. The profile ``thorough`` refuses what is named.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from mu_conformance.discovery import installed_folders

__all__ = ["conftests", "foreign", "influences", "keep_out", "merged"]

KNOWN_PLUGINS = frozenset(
    {
        "anyio",
        "execnet",
        "hypothesis",
        "mu-conformance",
        "platformdirs",
        "pytest",
        "pytest-asyncio",
        "pytest-cov",
        "pytest-html",
        "pytest-metadata",
        "pytest-mock",
        "pytest-timeout",
        "pytest-xdist",
        "typeguard",
    }
)
"""Distributions whose pytest plugins change no finding."""
VARIABLES = (
    "LD_PRELOAD",
    "PYTEST_ADDOPTS",
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD",
    "PYTEST_PLUGINS",
    "PYTHONHOME",
    "PYTHONINSPECT",
    "PYTHONPATH",
    "PYTHONSTARTUP",
    "PYTHONUSERBASE",
    "PYTHONWARNINGS",
)
"""Environment variables that change what pytest or the interpreter loads."""
HARMLESS = frozenset({"PYTHONPATH", "PYTHONWARNINGS", "PYTEST_DISABLE_PLUGIN_AUTOLOAD"})
"""Those that are recorded alone: what they bring in shows as a plugin or a module."""
_OURS = Path(__file__).resolve().parents[1]


def _is_ours(path: str | None) -> bool:
    """Return whether a file is of this package or its repository, in which a virtual environment may lie."""
    if path is None or not Path(path).resolve().is_relative_to(_OURS):
        return False
    home = os.path.join(_OURS, "")
    return home.startswith(installed_folders()) or not str(Path(path).resolve()).startswith(installed_folders())


def _digest(path: str | None) -> str | None:
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest() if path else None
    except OSError:
        return None


def _entry(name: str, path: str | None, known: bool, **more: Any) -> dict[str, Any]:
    return {"name": name, "file": path, "sha256": _digest(path), "known": known, **more}


def conftests(config: Any) -> list[str]:
    """Return the conftest files that were loaded."""
    return sorted(
        str(plugin.__file__)
        for plugin in config.pluginmanager.get_plugins()
        if str(getattr(plugin, "__file__", "") or "").endswith("conftest.py")
    )


def _plugins(config: Any) -> Iterator[dict[str, Any]]:
    """Yield the plugins that are neither pytest's own nor conftests."""
    distributions = {id(plugin): found for plugin, found in config.pluginmanager.list_plugin_distinfo()}
    for name, plugin in config.pluginmanager.list_name_plugin():
        if plugin is None:
            continue
        is_module = isinstance(getattr(plugin, "__file__", None), str)
        home = str(plugin.__name__) if is_module else type(plugin).__module__
        path = getattr(plugin if is_module else sys.modules.get(home), "__file__", None)
        package = home.partition(".")[0]
        # A worker's own plugin comes over its channel and has no file.
        if package in ("_pytest", "pytest", "pluggy", "__channelexec__") or (path or "").endswith("conftest.py"):
            continue
        found = distributions.get(id(plugin))
        project = found.project_name if found is not None else _project(package)
        version = found.version if found is not None else None
        if name.isdecimal():  # the identity of an object that was registered without a name
            name = f"{home}.{type(plugin).__qualname__}"
        yield _entry(name, path, _is_ours(path) or project in KNOWN_PLUGINS, distribution=project, version=version)


def _project(package: str) -> str | None:
    """Return the distribution that has a top-level package, if one is installed."""
    return next(iter(importlib.metadata.packages_distributions().get(package, [])), None)


def _modules() -> Iterator[dict[str, Any]]:
    """Yield loaded modules that are neither installed nor ours.

    One that stands in for an installed package, or for one of the standard library, is not known.
    """
    tops = {*importlib.metadata.packages_distributions(), *sys.stdlib_module_names}
    for name, module in sorted(sys.modules.items()):
        path = getattr(module, "__file__", None)
        if "." in name or not path or path.endswith("conftest.py") or path.startswith(installed_folders()):
            continue
        resolved = Path(path).resolve()
        if not _is_ours(path) and not str(resolved).startswith(installed_folders()):
            yield _entry(name, path, name not in tops or _is_editable(name, resolved))


def _is_editable(name: str, path: Path) -> bool:
    """Return whether a module is where an editable installation of its distribution has it."""
    for project in importlib.metadata.packages_distributions().get(name, []):
        origin = json.loads(importlib.metadata.distribution(project).read_text("direct_url.json") or "{}")
        folder = urllib.request.url2pathname(urllib.parse.urlsplit(origin.get("url", "")).path)
        if origin.get("dir_info", {}).get("editable") and path.is_relative_to(Path(folder).resolve()):
            return True
    return False


def _configuration(config: Any) -> Iterator[dict[str, Any]]:
    """Yield the ini file and its pytest options that are not ours."""
    if config.inipath is None:
        return
    written = {name: str(value) for name, value in (getattr(config, "_inicfg", None) or {}).items()}
    names = sorted(name for name in written if not name.startswith("mu_"))
    # Options of the command line that an ini file adds can switch plugins on and tests off.
    harmless = not {"addopts", "required_plugins", "python_files", "pythonpath"} & set(names)
    yield _entry(config.inipath.name, str(config.inipath), harmless, options=names)


def influences(config: Any) -> dict[str, list[dict[str, Any]]]:
    """Return everything of that kind: ``plugins``, ``conftests``, ``configuration``, ``variables`` and ``modules``."""
    return {
        "plugins": list(_plugins(config)),
        "conftests": [_entry(Path(path).name, path, _is_ours(path)) for path in conftests(config)],
        "configuration": list(_configuration(config)),
        "variables": [
            {"name": name, "sha256": hashlib.sha256(os.environ[name].encode()).hexdigest(), "known": name in HARMLESS}
            for name in VARIABLES
            if os.environ.get(name)
        ],
        "modules": list(_modules()),
    }


def merged(found: Iterable[dict[str, list[dict[str, Any]]]]) -> dict[str, list[dict[str, Any]]]:
    """Return the influences on several processes, each once."""
    together: dict[str, dict[tuple[str, str | None], dict[str, Any]]] = {}
    for one in found:
        for kind, entries in one.items():
            kept = together.setdefault(kind, {})
            for entry in entries:
                kept.setdefault((entry["name"], entry.get("file")), entry)
    return {kind: list(entries.values()) for kind, entries in together.items()}


def foreign(found: dict[str, list[dict[str, Any]]]) -> list[str]:
    """Return the names of what is not known to change nothing, such as ``conftest.py`` or ``PYTEST_ADDOPTS``."""
    return [str(one["name"]) for entries in found.values() for one in entries if not one["known"]]


def keep_out(folder: str) -> None:
    """Have modules of a folder stand behind installed ones: none there can stand in for a package that judges."""
    resolved = os.path.realpath(folder)
    sys.path[:] = [path for path in sys.path if os.path.realpath(path or os.getcwd()) != resolved]
    sys.path.append(folder)
