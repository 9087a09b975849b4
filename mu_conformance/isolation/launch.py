"""Start fork servers.

Only the standard library is imported, so a server starts, and imports torch, while this process still imports it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys

from mu_conformance.isolation.sandbox import Box

__all__ = ["ForkServer", "dismiss_early", "kill", "launch", "launch_early", "stop_sharing", "use_shared"]

_FOLDERS = ("MU_HUB_ROOT", "HF_HOME", "HF_HUB_CACHE")
"""Environment variables that name folders which a task reads."""

ForkServer = tuple["subprocess.Popen[bytes] | None", socket.socket]
"""A fork server's process and the suite's end of its socket; the server ends when that end is closed.

The process is None if it is another process's child.
"""

_early: list[tuple[list[str], Box | None, tuple[subprocess.Popen[bytes], socket.socket]]] = []
"""Servers started by ``launch_early``, each with its search path and sandbox."""
_shared: list[tuple[str, str]] = []
"""Address and secret of the shared server; at most one."""


def search_path() -> list[str]:
    """Return this process's ``sys.path``, with the working directory by its name."""
    return [path or os.getcwd() for path in sys.path]


def launch_early(count: int, box: Box | None = None) -> None:
    """Start fork servers for the next ``launch`` calls with the same search path and sandbox."""
    path = search_path()
    _early.extend((path, box, _start(path, box)) for _ in range(count))


def use_shared(address: str, secret: str) -> None:
    """Have ``launch`` take fork servers from a shared one (``MethodProcess.share``), as long as that one lives."""
    _shared[:] = [(address, secret)]


def stop_sharing() -> None:
    """Have ``launch`` start fork servers of its own again."""
    _shared.clear()


def launch(sys_path: list[str], box: Box | None = None) -> ForkServer:
    """Return a fork server that imports from ``sys_path``, without waiting for it.

    Args:
        sys_path: where the server imports from.
        box: sandbox of the server; None for none.
    """
    for address, secret in _shared:
        control = socket.socket(socket.AF_UNIX)
        try:
            control.connect(address)
            control.sendall(secret.encode())
            return None, control
        # The sharing process has ended. A server of our own does the same, only later.
        except OSError:
            control.close()
    while _early:
        path, early_box, (process, control) = _early.pop()
        # A server started for another search path would import other modules.
        if path == sys_path and _serves(early_box, box) and process.poll() is None:
            return process, control
        control.close()
    return _start(sys_path, box)


def _serves(own: Box | None, wanted: Box | None) -> bool:
    """Return whether a server in one sandbox will do for another."""
    if own is None or wanted is None:
        return own is wanted
    return own.shows(wanted)


def dismiss_early() -> None:
    """End the fork servers that nothing took, such as those of a session ended by a bad option."""
    while _early:
        _, _, (process, control) = _early.pop()
        control.close()
        kill(process)


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a fork server and wait for its end."""
    # The whole group, because bubblewrap's second process does not end with the first before it is set up.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _start(sys_path: list[str], box: Box | None) -> tuple[subprocess.Popen[bytes], socket.socket]:
    ours, theirs = socket.socketpair()
    # One thread for each process, because results must not depend on the number of cores.
    # pytest's variables may hold options, an auditor's challenge among them.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment |= {"OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    # The server must import this package, and the method's, from where this process does.
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys_path if path)
    # A call has a working folder of its own, from which a relative path would lead elsewhere.
    for name in _FOLDERS:
        if environment.get(name):
            environment[name] = os.path.abspath(environment[name])
    process = subprocess.Popen(
        [
            *(box.command() if box is not None else ()),
            sys.executable,
            # Not from the working folder: a module there must not stand in for one that measures.
            "-P",
            "-m",
            "mu_conformance.isolation.fork_server",
            str(theirs.fileno()),
        ],
        pass_fds=[theirs.fileno()],
        env=environment,
        # Ctrl-C at the terminal must not reach the server: the suite ends it when it is ready.
        start_new_session=True,
        stdin=subprocess.DEVNULL,
    )
    # With this copy open, the suite would never see that the server has ended.
    theirs.close()
    return process, ours
