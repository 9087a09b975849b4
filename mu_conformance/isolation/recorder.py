"""Record what a method does to the world outside its process, through Python's audit hook. Runs in the child only."""

from __future__ import annotations

import os
import socket
import sys
from typing import Any

__all__ = ["Recorder"]

_LIMIT = 1000
"""Largest number of entries in each list."""
_NETWORK = {"socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg"}
"""Audit events of a connection, refused except over Unix sockets."""
_LOOKUPS = {"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"}
"""Audit events of a name lookup, refused."""
_PROCESSES = {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn"}
"""Audit events of starting a program, recorded and allowed."""


def _harmless(event: str, address: Any) -> bool:
    """Return whether an event binds a loopback address to any free port, as libraries do to learn what they can."""
    if event != "socket.bind" or not isinstance(address, tuple) or len(address) < 2:
        return False
    return address[0] in ("127.0.0.1", "::1", "localhost") and address[1] == 0


class Recorder:
    """Records files opened, connections tried and programs started while ``active``; refuses connections.

    An audit hook cannot be removed. The hook is therefore installed for the life of the child, and does nothing unless
    ``active``.

    Args:
        watched: folders of the suite whose data files a method has no business to read.
    """

    def __init__(self, watched: tuple[str, ...]) -> None:
        self.active = False
        """True while the method runs."""
        self.begun = False
        """True from the method's start on: connections are refused until the process ends."""
        self.watched = tuple(os.path.realpath(folder) + os.sep for folder in watched)
        self.written: list[str] = []
        """Files opened for writing, or renamed to."""
        self.suite_files_read: list[str] = []
        """Files of the watched folders that were opened, renamed or linked."""
        self.connections: list[str] = []
        """Connections and lookups that were refused."""
        self.programs: list[str] = []
        """Programs that were started."""
        sys.addaudithook(self._hook)

    def start(self) -> None:
        """Record from now on: the method runs."""
        self.active = self.begun = True

    def stop(self) -> None:
        """Stop recording files and programs: the call has returned. Connections stay refused."""
        self.active = False

    def _note(self, where: list[str], what: str) -> None:
        if len(where) < _LIMIT and what not in where:
            where.append(what)

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.active:
            # A thread that the method left running must not connect after the call has returned either.
            if self.begun and (event in _NETWORK or event in _LOOKUPS):
                self._network(event, arguments)
            return
        if event == "open":
            path, _mode, flags = arguments
            if isinstance(path, bytes | str):
                # The path is resolved now, because the method may change the working directory later.
                name = os.path.abspath(os.fsdecode(path))
                if isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND):
                    self._note(self.written, name)
                else:
                    self._note_if_ours(name)
        elif event in ("os.rename", "os.link"):
            # A new name for a file of ours is a way to read it unseen.
            self._note_if_ours(os.fsdecode(arguments[0]))
            if event == "os.rename":
                self._note(self.written, os.path.abspath(os.fsdecode(arguments[1])))
        elif event in _NETWORK or event in _LOOKUPS:
            self._network(event, arguments)
        elif event in _PROCESSES:
            # Recorded and not refused: the checks decide what a started program means.
            self._note(self.programs, f"{event} {arguments[0]!r}"[:200])

    def _network(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in _LOOKUPS:
            self._refuse(f"{event} {arguments[0]!r}")
        # Unix sockets stay on this machine; multiprocessing needs them.
        elif getattr(arguments[0], "family", None) != socket.AF_UNIX and not _harmless(event, arguments[1]):
            self._refuse(f"{event} {arguments[1]!r}")

    def _note_if_ours(self, path: str) -> None:
        """Note a file or folder of the suite, by whatever links it is reached."""
        name = os.path.realpath(path)
        # Modules are left out: importing the suite's own code is allowed.
        if f"{name}{os.sep}".startswith(self.watched) and not name.endswith((".py", ".pyc")):
            self._note(self.suite_files_read, name)

    def _refuse(self, what: str) -> None:
        """Note an attempt and raise; the audited operation then does not happen."""
        self._note(self.connections, what[:200])
        raise PermissionError(f"mu-conformance refuses network connections while a method runs: {what}")
