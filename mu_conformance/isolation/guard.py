"""Notice whether a call changed the suite itself: modules, data, or artefacts stored before the call."""

from __future__ import annotations

import os
from collections.abc import Iterable

__all__ = ["Guard"]

_IGNORED = (".pyc", ".lock", ".partial")
"""Endings of files that other workers may rewrite at any time."""
_UNFINISHED = ".tmp"
"""Beginning of the name that safetensors gives a file until it is whole: no artefact yet."""


class Guard:
    """Remembers the change times of every file below some folders; ``changed`` names those that differ.

    A file's owner cannot set its change time (ctime) back. New files do not count, because another worker may be
    building artefacts at the same time. No worker ever rewrites an artefact.

    Args:
        folders: folders to look at, with everything below them.
    """

    def __init__(self, folders: Iterable[str]) -> None:
        self.folders = tuple(folders)
        self._before = self._look()

    def _look(self) -> dict[str, tuple[int, int]]:
        found: dict[str, tuple[int, int]] = {}
        queue = list(self.folders)
        while queue:
            try:
                with os.scandir(queue.pop()) as listing:
                    for entry in listing:
                        if entry.is_dir(follow_symlinks=False):
                            # Importing a module writes its bytecode, which is no change of the suite.
                            if entry.name != "__pycache__":
                                queue.append(entry.path)
                        elif not entry.name.endswith(_IGNORED) and not entry.name.startswith(_UNFINISHED):
                            stat = entry.stat(follow_symlinks=False)
                            found[entry.path] = (stat.st_ctime_ns, stat.st_size)
            # A folder may vanish while it is read.
            except OSError:
                continue
        return found

    def changed(self) -> list[str]:
        """Return the files that are gone or different now, sorted."""
        now = self._look()
        return sorted(path for path, seen in self._before.items() if now.get(path) != seen)
