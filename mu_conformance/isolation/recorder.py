"""What a method does to the world outside its process, seen through Python's audit hook. Runs in the child only."""

from __future__ import annotations

import os
import socket
import sys
from typing import Any

__all__ = ["Recorder"]

_LIMIT = 1000
_NETWORK = {"socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg"}
_LOOKUPS = {"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"}
_PROCESSES = {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn"}


class Recorder:
    """Records files opened, connections tried and programs started while ``active``; refuses connections.

    An audit hook cannot be removed, so it stays installed for the life of the child and looks at ``active``.
    """

    def __init__(self, watched: tuple[str, ...]) -> None:
        self.active = False
        self.watched = tuple(os.path.realpath(folder) + os.sep for folder in watched)
        self.written: list[str] = []
        self.suite_files_read: list[str] = []
        self.connections: list[str] = []
        self.programs: list[str] = []
        sys.addaudithook(self._hook)

    def _note(self, where: list[str], what: str) -> None:
        if len(where) < _LIMIT and what not in where:
            where.append(what)

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.active:
            return
        if event == "open":
            path, _mode, flags = arguments
            if isinstance(path, bytes | str):
                name = os.path.abspath(os.fsdecode(path))
                if isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND):
                    self._note(self.written, name)
                else:
                    self._note_if_ours(name)
        elif event in ("os.rename", "os.link"):
            # another name for a file of ours is a way to read it
            self._note_if_ours(os.fsdecode(arguments[0]))
            if event == "os.rename":
                self._note(self.written, os.path.abspath(os.fsdecode(arguments[1])))
        elif event in _NETWORK:
            if getattr(arguments[0], "family", None) != socket.AF_UNIX:
                self._refuse(f"{event} {arguments[1]!r}")
        elif event in _LOOKUPS:
            self._refuse(f"{event} {arguments[0]!r}")
        elif event in _PROCESSES:
            self._note(self.programs, f"{event} {arguments[0]!r}"[:200])

    def _note_if_ours(self, path: str) -> None:
        """Note a file or folder of the suite, by whatever links it is reached."""
        name = os.path.realpath(path)
        if f"{name}{os.sep}".startswith(self.watched) and not name.endswith((".py", ".pyc")):
            self._note(self.suite_files_read, name)

    def _refuse(self, what: str) -> None:
        self._note(self.connections, what[:200])
        raise PermissionError(f"mu-conformance refuses network connections while a method runs: {what}")
