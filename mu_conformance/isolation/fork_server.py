"""Fork a child for each call: torch and the tasks' needs are imported once, and then a call takes about 50 ms.

Run as ``python -m mu_conformance.isolation.fork_server FD``. The server reads requests from the socket FD and writes
replies (``wire``). Where it runs in a sandbox (``sandbox``), each call gets namespaces of its own (``namespace``), in
which a trusted process counts what the call uses (``accounting``). The server starts no thread, and beyond building
models it runs no torch operation, so a fork is safe. When the suite's process ends, the server ends with whatever it
was running.

Asked to ``share``, the server takes no more calls. Instead it forks a fork server for each process that connects.
pytest-xdist's workers take these, so nothing is imported twice.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import importlib
import os
import resource
import select
import shutil
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from mu_conformance.isolation import accounting, namespace
from mu_conformance.isolation.wire import Wire

__all__ = ["main"]

_TAIL = 4000
"""Bytes of a child's output sent back, counted from the end."""
_GRACE = 10.0
"""Seconds after its time limit at which a sandboxed call is ended from outside its namespace."""
_ADMISSION_LIMIT = 5.0
"""Seconds that a new connection has to show the secret."""
_PR_SET_CHILD_SUBREAPER = 36
"""Number of the option in Linux' ``prctl.h``; Python has no name for it."""


def _adopt_orphans() -> None:
    """Have grandchildren reparented to this process, so that none outlives its call (Linux)."""
    with contextlib.suppress(Exception):
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _kill_group(pid: int) -> None:
    """Kill every process of the group led by ``pid``."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _reap_orphans() -> int:
    """Kill and reap every other child of this process; return how many were still alive."""
    count = 0
    # Killing a process reparents its children to this one, so one pass is not enough. The number of passes is bounded:
    # a process that forks faster than it is killed must not block the suite.
    for _ in range(100):
        try:
            # The kernel's list includes adopted processes, of which this process has no other record.
            with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as listing:
                children = [int(pid) for pid in listing.read().split()]
        except OSError:
            children = []
        for pid in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                count += 1
        try:
            while os.waitpid(-1, os.WNOHANG)[0] > 0:
                pass
        except ChildProcessError:
            return count
        if not children:
            return count
        time.sleep(0.005)
    return count


def _close_all_but(kept: Sequence[int]) -> None:
    """Close every descriptor except the standard ones and ``kept``."""
    try:
        # The list has the descriptor by which it is read, which is closed by then.
        opened = [int(name) for name in os.listdir("/proc/self/fd")]
    except OSError:
        opened = list(range(256))
    for descriptor in opened:
        if descriptor > 2 and descriptor not in kept:
            with contextlib.suppress(OSError):
                os.close(descriptor)


def _fork(output: int, kept: Sequence[int], body: Callable[[], int]) -> int:
    """Fork. Return the child's id in the parent; in the child run ``body`` and end with its status."""
    pid = os.fork()
    if pid:
        return pid

    def run() -> int:
        # A session of its own is also a process group. One signal to the group then ends the call and what it started.
        os.setsid()
        # Standard input is empty and output goes to the pipe, so the method cannot reach the suite's terminal.
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        # The child inherits the socket to the suite. Left open, it would let the method reply in the server's name.
        _close_all_but(kept)
        return body()

    _end_with(run)


def _end_with(body: Callable[[], int]) -> NoReturn:
    """Run ``body`` in a forked process and end the process with its status."""
    status = 1
    try:
        status = body()
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        # Exit without cleaning up: exit handlers and buffers were copied by the fork and belong to the server.
        os._exit(status)


def _make_call(request: dict[str, Any], descriptors: Sequence[int]) -> int:
    """Make the call in this process; return its exit status."""
    # ``main`` imported it beforehand, so the child pays nothing here.
    from mu_conformance.isolation.child import main as run_child

    return run_child(request["folder"], request["scratch"], request["header"], tuple(descriptors))


def _hold(request: dict[str, Any], descriptors: Sequence[int], notes: socket.socket) -> int:
    """Make the call in namespaces of its own, which this process holds; tell ``notes`` the figures."""
    wire = Wire(notes)
    try:
        opened = namespace.enter(namespace.Plan(**request["plan"]))
    except OSError as error:
        wire.send({"failed": error.strerror or str(error)})
        return 1
    # The suite looks at the call's files through these descriptors, which outlive the namespace.
    wire.send({}, opened)
    for descriptor in opened:
        os.close(descriptor)

    def init() -> int:
        def call() -> int:
            notes.close()
            os.setsid()
            namespace.drop_privileges()
            return _make_call(request, descriptors)

        first = os.fork()
        if first == 0:
            _end_with(call)
        # Input that only the method reads is no business of its supervisor.
        _close_all_but([notes.fileno()])
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
        wire.send(accounting.supervise(first, request["seconds"]))
        return 0

    os.waitpid(namespace.as_init(init), 0)
    return 0


def _run(request: dict[str, Any], descriptors: list[int], control: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """Fork a child, stop it at its time limit, and return its exit code, figures and the end of its output.

    In a sandbox, descriptors of the call's file systems are returned too.
    """
    read_end, write_end = os.pipe()
    started = time.monotonic()
    sandboxed = request.get("plan") is not None
    notes, theirs = socket.socketpair()
    if sandboxed:
        kept = [*descriptors, theirs.fileno()]
        pid = _fork(write_end, kept, lambda: _hold(request, descriptors, theirs))
    else:
        pid = _fork(write_end, descriptors, lambda: _make_call(request, descriptors))
    # Only the child writes. With these copies open, neither would ever report its end.
    theirs.close()
    os.close(write_end)
    os.set_blocking(read_end, False)
    # In a sandbox the namespace's first process keeps the time. This limit is for the case that it cannot.
    deadline = started + request["seconds"] + (_GRACE if sandboxed else 0.0)
    tail, timed_out, ended = b"", False, False
    while not ended:
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            timed_out = True
            _kill_group(pid)
        # Wake up every 10 ms, because a child's end need not show on either descriptor: its own children may hold the
        # pipe.
        watched: list[Any] = [read_end, control]
        readable, _, _ = select.select(watched, [], [], min(max(remaining, 0), 0.01))
        # Nobody waits for the result if the suite's process is gone, so end the call and the server.
        if control in readable and _gone(control):
            _kill_group(pid)
            _reap_orphans()
            # Nobody else would remove what the call wrote. In a sandbox the kernel does.
            if not sandboxed:
                shutil.rmtree(request["folder"], ignore_errors=True)
            os._exit(0)
        # Drain the pipe while the child runs: once full, it would block the child's next line of output for ever.
        if read_end in readable:
            with contextlib.suppress(BlockingIOError):
                tail = (tail + os.read(read_end, 1 << 16))[-_TAIL:]
        # wait4 gives the figures of this child alone. getrusage(RUSAGE_CHILDREN) would add up all calls so far.
        done, status, usage = os.wait4(pid, os.WNOHANG)
        ended = bool(done)
    wall = time.monotonic() - started
    # The child has ended, but processes that it started may still run. None may outlive its call, or work for it
    # unmeasured.
    _kill_group(pid)
    orphans = _reap_orphans()
    # Output written just before the end is still in the pipe.
    with contextlib.suppress(BlockingIOError):
        while chunk := os.read(read_end, 1 << 16):
            tail = (tail + chunk)[-_TAIL:]
    os.close(read_end)
    figures = {
        "code": os.waitstatus_to_exitcode(status),
        "timed_out": timed_out,
        "wall_s": wall,
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "max_rss_kib": usage.ru_maxrss,
        "orphans": orphans,
    }
    told, opened = _noted(notes)
    return {
        **figures,
        **told,
        # A forked child begins with the server's pages. The client subtracts them to get the memory of the call alone.
        "own_rss_kib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
        "output": tail.decode("utf-8", "replace"),
    }, opened


def _noted(notes: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """Return the figures told by the holder of a call, and the descriptors of its file systems; empty without one."""
    told: dict[str, Any] = {}
    opened: list[int] = []
    wire = Wire(notes)
    with contextlib.suppress(OSError, ValueError):
        while (message := wire.receive()) is not None:
            told |= message[0]
            opened += message[1]
    notes.close()
    return told, opened


def _gone(control: socket.socket) -> bool:
    """Return whether the suite's process is gone: a peek gives no bytes, or the connection was reset."""
    try:
        return not control.recv(1, socket.MSG_PEEK)
    except ConnectionError:
        return True


def _warm(task_ref: str, architecture: str, sys_path: list[str]) -> None:
    """Import what a task's model needs, and an optimiser over it: transformers and torch load much on first use.

    Only the suite's own task runs here. No backward pass is made, because autograd's threads do not survive a fork.
    """
    import torch

    from mu_conformance.discovery import load_object

    # Threads of a pool started here would be missing in the children, whose first parallel operation would then hang.
    torch.set_num_threads(1)
    sys.path[:] = sys_path
    # Warming saves time and decides nothing. A task that cannot be loaded fails in the child, where the error is
    # reported.
    with contextlib.suppress(Exception):
        model = load_object(task_ref, "task")().new_model(0, architecture)
        torch.optim.AdamW(model.parameters(), fused=True).zero_grad()


def _share(wire: Wire, request: dict[str, Any], listener: socket.socket, warm: set[tuple[str, str]]) -> None:
    """Fork a fork server for each connection that shows the secret, until the suite closes its end of the control.

    Only the digest of the secret is known here and in the children. A method therefore cannot connect to get a process
    of its own, outside its call.
    """
    # Reply before warming: connections queue up at the listener meanwhile, and the suite goes on.
    wire.send({"ready": True, "id": request["id"]})
    for task_ref, architecture in request["tasks"]:
        warm.add((task_ref, architecture))
        _warm(task_ref, architecture, request["sys_path"])
    # The servers forked below are never waited for. Ignoring the signal makes the kernel reap them.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while wire.control not in select.select([listener, wire.control], [], [])[0]:
        connection, _ = listener.accept()
        if _admitted(connection, request["digest"]) and os.fork() == 0:
            # The new server needs the default again: with the signal ignored, wait4 would lose the figures of its
            # calls.
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            listener.close()
            wire.control.close()
            os.setsid()
            _serve(connection, warm)
            os._exit(0)
        # The parent's copy must go, or the connection would not end with the new server.
        connection.close()


def _admitted(connection: socket.socket, digest: str) -> bool:
    """Return whether a connection shows the secret within ``_ADMISSION_LIMIT``."""
    # A silent connection must not block those behind it.
    connection.settimeout(_ADMISSION_LIMIT)
    try:
        shown = connection.recv(64, socket.MSG_WAITALL)
    except OSError:
        return False
    connection.settimeout(None)
    return hashlib.sha256(shown).hexdigest() == digest


def _serve(control: socket.socket, warm: set[tuple[str, str]]) -> None:
    """Serve requests in the order in which they come, until the other end closes.

    A suite that was stopped resets the connection, which is no error of the server.

    Args:
        control: socket to the suite's process.
        warm: tasks warmed already, as (reference, architecture).
    """
    _adopt_orphans()
    with contextlib.suppress(ConnectionError):
        _answer(control, warm)


def _answer(control: socket.socket, warm: set[tuple[str, str]]) -> None:
    wire = Wire(control)
    while (received := wire.receive()) is not None:
        request, descriptors = received
        # The reply has the number of its request, so that none is taken for another's.
        number = request.get("id")
        if request["operation"] == "preload":
            for name in request["modules"]:
                # A module that cannot be imported fails again in the child, where the error is reported.
                with contextlib.suppress(Exception):
                    importlib.import_module(name)
            wire.send({"ready": True, "id": number})
        elif request["operation"] == "warm":
            task = (request["task_ref"], request["architecture"])
            # No reply, because the client does not wait. Requests are served in order, so the next call finds the task
            # warm.
            if task not in warm:
                warm.add(task)
                _warm(*task, request["sys_path"])
        elif request["operation"] == "share":
            _share(wire, request, socket.socket(fileno=descriptors.pop()), warm)
        else:
            reply, opened = _run(request, descriptors, control)
            wire.send({**reply, "id": number}, opened)
            descriptors += opened
        for descriptor in descriptors:
            os.close(descriptor)


def main(descriptor: int) -> None:
    """Serve the socket of that file descriptor until the other end closes."""
    # Set before torch is imported: OpenMP reads the variable once. More threads would also sum in another order.
    os.environ["OMP_NUM_THREADS"] = "1"
    # Both import torch, which every call needs.
    for module in ("mu_conformance.isolation.child", "mu_conformance.training.loop"):
        importlib.import_module(module)
    _serve(socket.socket(fileno=descriptor), set())


if __name__ == "__main__":
    main(int(sys.argv[1]))
