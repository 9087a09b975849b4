"""Starting a fork server. Standard library only: it can be started, and import torch, while this process still imports it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

__all__ = ["ForkServer", "dismiss_early", "launch", "launch_early", "stop_sharing", "use_shared"]

ForkServer = tuple["subprocess.Popen[bytes] | None", socket.socket]
"""A fork server (None: another process's child) and the suite's end of the socket that it listens to. It ends when that end
is closed."""

_early: list[tuple[list[str], tuple[subprocess.Popen[bytes], socket.socket]]] = []
_shared: list[tuple[str, str]] = []


def search_path() -> list[str]:
    """This process's ``sys.path``, with the working directory by its name."""
    return [path or os.getcwd() for path in sys.path]


def launch_early(count: int) -> None:
    """Start fork servers that the next ``launch`` calls with the same search path take."""
    path = search_path()
    _early.extend((path, _start(path)) for _ in range(count))


def use_shared(address: str, secret: str) -> None:
    """Have ``launch`` take fork servers from one that is shared (``MethodProcess.share``), for as long as that one lives."""
    _shared[:] = [(address, secret)]


def stop_sharing() -> None:
    """Have ``launch`` start fork servers of its own again."""
    _shared.clear()


def launch(sys_path: list[str]) -> ForkServer:
    """A fork server that imports from ``sys_path``; returns without waiting for it."""
    for address, secret in _shared:
        control = socket.socket(socket.AF_UNIX)
        try:
            control.connect(address)
            control.sendall(secret.encode())
            return None, control
        except OSError:
            control.close()
    while _early:
        path, (process, control) = _early.pop()
        if path == sys_path and process.poll() is None:
            return process, control
        control.close()
    return _start(sys_path)


def dismiss_early() -> None:
    """End the fork servers that nothing took, such as those of a session that a bad option ended."""
    while _early:
        _, (process, control) = _early.pop()
        control.close()
        process.kill()
        process.wait()


def _start(sys_path: list[str]) -> tuple[subprocess.Popen[bytes], socket.socket]:
    ours, theirs = socket.socketpair()
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys_path if path)
    process = subprocess.Popen(
        [sys.executable, "-m", "mu_conformance.isolation.fork_server", str(theirs.fileno())],
        pass_fds=[theirs.fileno()],
        env=environment,
        start_new_session=True,
        stdin=subprocess.DEVNULL,
    )
    theirs.close()
    return process, ours
