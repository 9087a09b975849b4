"""Whether a call changed the suite itself: its modules, its data, or artefacts that were stored before the call."""

from __future__ import annotations

import os
from collections.abc import Iterable

__all__ = ["Guard"]

_IGNORED = (".pyc", ".lock", ".partial")
_UNFINISHED = ".tmp"
"""How the name begins that safetensors gives a file until it is whole: one that is there and then gone was not an artefact."""


class Guard:
    """Remembers the change times of every file below some folders; ``changed`` names those that differ.

    The change time (ctime) cannot be set back by its owner. New files do not count: another worker may be building
    artefacts at the same time, but none ever rewrites one.
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
                            if entry.name != "__pycache__":
                                queue.append(entry.path)
                        elif not entry.name.endswith(_IGNORED) and not entry.name.startswith(_UNFINISHED):
                            stat = entry.stat(follow_symlinks=False)
                            found[entry.path] = (stat.st_ctime_ns, stat.st_size)
            except OSError:
                continue
        return found

    def changed(self) -> list[str]:
        """Files that were there and are gone or different now, sorted."""
        now = self._look()
        return sorted(path for path, seen in self._before.items() if now.get(path) != seen)
