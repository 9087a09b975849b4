"""Tell what a call leaves running in its process: threads and processes, by name."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from pathlib import Path

__all__ = ["let_threads_end", "processes_left", "threads_running"]

LONGEST = 60
"""Characters of a command that are told of."""
GRACE_S = 0.5
"""Seconds that threads which are just ending are given, all together."""


def _bar_monitor(thread: threading.Thread) -> bool:
    """Return whether a thread is the monitor of tqdm's bars, which ends with the process and does nothing else."""
    return type(thread).__module__.startswith("tqdm.")


def threads_running() -> list[str]:
    """Return the names of the threads that run, sorted, except the monitor of progress bars."""
    return sorted(one.name for one in threading.enumerate() if one.is_alive() and not _bar_monitor(one))


def let_threads_end(known: list[str]) -> None:
    """Wait up to ``GRACE_S`` seconds for threads whose names are not in ``known``.

    A queue's feeder, for one, ends a moment after the queue was closed.
    """
    end = time.monotonic() + GRACE_S
    for thread in threading.enumerate():
        if thread is threading.current_thread() or thread.name in known or _bar_monitor(thread):
            continue
        # A thread that was not started by the module cannot be joined.
        with contextlib.suppress(RuntimeError):
            thread.join(max(0.0, end - time.monotonic()))


def processes_left() -> list[str]:
    """Return the command of each process started by this one that still runs, sorted.

    Processes whose own parent has ended are not among them. The result is empty where the kernel tells of none.
    """
    parents: dict[int, int] = {}
    names: dict[int, str] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            # "pid (name) state parent ...", where the name may hold anything.
            name, _, rest = (folder / "stat").read_text().partition("(")[2].rpartition(")")
            if rest.split()[0] == "Z":
                continue
            program, *arguments = (folder / "cmdline").read_bytes().decode(errors="replace").rstrip("\0").split("\0")
            command = " ".join([os.path.basename(program) or name, *arguments])
            parents[int(folder.name)], names[int(folder.name)] = int(rest.split()[1]), command[:LONGEST]
    found = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in found and pid not in found}:
        found |= more
    return sorted(names[pid] for pid in found if pid != os.getpid())
