"""Run ``mu-conformance store``: manage the artefacts saved between runs, and write the packs that ship."""

from __future__ import annotations

import argparse
import contextlib
import inspect
import json
import re
from pathlib import Path
from typing import Any

from mu_conformance import discovery
from mu_conformance.cli.command import CommandError
from mu_conformance.cli.table import print_table
from mu_conformance.scenarios.profiles import PROFILES, find_profile
from mu_conformance.store.seal import KEY_FILE

__all__ = ["cache_of", "register"]

_OWN_FOLDER = re.compile(r"v\d+/[0-9a-f]{2}")
"""Folders that the store makes in the cache."""
_OWN_FILE = re.compile(r"[0-9a-f]{32}(\.lock|\.safetensors(\.\d+\.partial)?)")
"""Files that the store makes in the cache."""


def register(commands: Any) -> None:
    """Add the command."""
    store = commands.add_parser("store", help="the artefacts that are kept between runs")
    actions = store.add_subparsers(required=True, metavar="ACTION")
    cache = argparse.ArgumentParser(add_help=False)
    cache.add_argument("--cache", type=Path, metavar="DIR", help="instead of the user's cache directory")
    for name, run, text in (
        ("path", _store_path, "where the cache is"),
        ("list", _store_list, "how much there is of each task"),
        ("clear", _store_clear, "remove every artefact from the cache"),
    ):
        actions.add_parser(name, parents=[cache], help=text).set_defaults(run=run)
    packing = actions.add_parser("pack", parents=[cache], help="write the reference pack that ships with a task")
    packing.add_argument("task", metavar="TASK", help="a task's name, or all")
    packing.add_argument("--profile", default="smoke", metavar="NAME", help=", ".join(PROFILES))
    packing.add_argument("--output", type=Path, metavar="DIR", help="write DIR/TASK/pack.safetensors instead")
    packing.set_defaults(run=_store_pack)


def cache_of(options: argparse.Namespace) -> Path:
    """Return the cache directory; ``CommandError`` if it is a file."""
    if options.cache is not None:
        cache = options.cache
    else:
        from mu_conformance.store.cache import default_cache

        cache = default_cache()
    if cache.exists() and not cache.is_dir():
        raise CommandError(f"the cache directory {cache} is a file; name another with --cache")
    return cache


def _own_files(cache: Path) -> list[Path]:
    """Return the store's own files below ``cache``, and nothing that a person may have put there."""
    return [
        path
        for path in sorted(cache.glob("v*/??/*"))
        if _OWN_FILE.fullmatch(path.name) and _OWN_FOLDER.fullmatch(path.parent.relative_to(cache).as_posix())
    ]


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"


def _store_path(options: argparse.Namespace) -> int:
    print(cache_of(options))
    return 0


def _description(path: Path) -> dict[str, Any] | None:
    """Return how an artefact was made, from its header; None if the file is damaged."""
    from safetensors import safe_open

    try:
        with safe_open(path, framework="np") as file:
            found = json.loads((file.metadata() or {})["description"])
    except Exception:  # safetensors raises types of its own; a damaged file is a row of the table, not an error
        return None
    return found if isinstance(found, dict) else None


def _store_list(options: argparse.Namespace) -> int:
    cache = cache_of(options)
    found = {path: _description(path) for path in _own_files(cache) if path.suffix == ".safetensors"}
    tasks = {path.stem: record["task"] for path, record in found.items() if record and "task" in record}
    totals: dict[str, list[int]] = {}
    for path, record in found.items():
        # The outputs name their model only; the model's own record names the task.
        task = "(damaged)" if record is None else record.get("task") or tasks.get(str(record.get("model")), "(unknown)")
        total = totals.setdefault(task, [0, 0])
        total[0] += 1
        with contextlib.suppress(OSError):
            total[1] += path.stat().st_size
    if not totals:
        print(f"{cache} holds no artefacts")
        return 0
    print_table(
        [{"task": task, "artefacts": count, "size": _megabytes(size)} for task, (count, size) in sorted(totals.items())]
    )
    return 0


def _store_clear(options: argparse.Namespace) -> int:
    cache = cache_of(options)
    removed = size = 0
    folders = set()
    for path in [*_own_files(cache), *([cache / KEY_FILE] if (cache / KEY_FILE).is_file() else [])]:
        if path.name != KEY_FILE:
            folders |= {path.parent, path.parent.parent}
        try:
            bytes_here = path.stat().st_size
            path.unlink()
        except FileNotFoundError:
            continue  # another process was faster
        except OSError as error:
            raise CommandError(f"{path} cannot be removed: {error.strerror}") from None
        removed, size = removed + 1, size + bytes_here
    for folder in sorted(folders, reverse=True):
        with contextlib.suppress(OSError):  # not empty: it holds something that is not ours
            folder.rmdir()
    print(f"removed {removed} files ({_megabytes(size)}) from {cache}")
    return 0


def _store_pack(options: argparse.Namespace) -> int:
    from mu_conformance.evidence.packing import pack
    from mu_conformance.tasks import registry

    profile = find_profile(options.profile)
    known = sorted(registry.tasks())
    chosen = discovery.one_of("task", options.task, [*known, "all"])
    cache = cache_of(options)
    for name in known if chosen == "all" else [chosen]:
        task = registry.find_task(name)
        own = Path(inspect.getfile(type(task))).parent
        folder = own if options.output is None else options.output / name
        try:
            pack(task, profile, cache, folder, lambda line: print(line, flush=True))
        except OSError as error:
            raise CommandError(str(error)) from None
    return 0
