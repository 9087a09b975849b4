"""Make temporary folders that are recognised, once their maker is gone, and removed at the next start."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

__all__ = ["remove_stale_folders", "temporary_folder"]

_YOUNG = 60.0
"""Seconds during which an unlocked folder may be one that is just being made."""


def _lock(folder: Path) -> int | None:
    """Return the descriptor that holds the folder's lock; None if another process holds it, or the folder is gone."""
    try:
        import fcntl

        descriptor = os.open(folder, os.O_RDONLY | os.O_NOFOLLOW)
    except (ImportError, OSError):
        return None
    try:
        # The kernel releases the lock when its holder ends, in whatever way.
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


@contextlib.contextmanager
def temporary_folder(prefix: str) -> Iterator[Path]:
    """Make a temporary folder for the block, locked as long as this process lives."""
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    descriptor = _lock(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if descriptor is not None:
            os.close(descriptor)


@functools.cache
def remove_stale_folders(prefix: str) -> None:
    """Remove this user's temporary folders whose makers are gone, once in a process."""
    temporary = Path(tempfile.gettempdir())
    for folder in temporary.glob(f"{prefix}*"):
        with contextlib.suppress(OSError):
            status = folder.lstat()
            if status.st_uid != os.getuid() or time.time() - status.st_mtime < _YOUNG or not folder.is_dir():
                continue
            descriptor = _lock(folder)
            if descriptor is not None:
                shutil.rmtree(folder, ignore_errors=True)
                os.close(descriptor)
