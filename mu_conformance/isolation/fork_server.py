"""The process that forks a child for each call: torch and what tasks need imported once, then about 50 ms a call.

Run as ``python -m mu_conformance.isolation.fork_server FD``; it reads one JSON request a line from the socket FD and
writes one JSON reply a line. It starts no thread and runs no torch operation, so that a fork is safe. It ends, with
whatever it was running, when the suite's process does.

Asked to ``share``, it serves no more calls and forks a fork server for each process that connects: pytest-xdist's workers,
which then import nothing twice.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import importlib
import json
import os
import resource
import select
import signal
import socket
import sys
import time
from typing import Any

__all__ = ["main"]

_TAIL = 4000
_ADMISSION_LIMIT = 5.0
_PR_SET_CHILD_SUBREAPER = 36


def _adopt_orphans() -> None:
    """Have grandchildren reparented to this process, so that none outlives its call (Linux)."""
    with contextlib.suppress(Exception):
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _reap_orphans() -> int:
    """Kill and reap every other child of this process; return how many were still alive."""
    count = 0
    for _ in range(100):
        try:
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


def _start_child(folder: str, output: int) -> int:
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        os.setsid()
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.closerange(3, 256)
        from mu_conformance.isolation.child import main as run_child

        status = run_child(folder)
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        os._exit(status)


def _run(folder: str, seconds: float, control: socket.socket) -> dict[str, Any]:
    """Fork, watch, and stop the child at its time limit; drain its output, keeping the end of it."""
    read_end, write_end = os.pipe()
    started = time.monotonic()
    pid = _start_child(folder, write_end)
    os.close(write_end)
    os.set_blocking(read_end, False)
    deadline = started + seconds
    tail, timed_out, ended = b"", False, False
    while not ended:
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            timed_out = True
            _kill_group(pid)
        watched: list[Any] = [read_end, control]
        readable, _, _ = select.select(watched, [], [], min(max(remaining, 0), 0.01))
        if control in readable and not control.recv(1, socket.MSG_PEEK):
            _kill_group(pid)
            _reap_orphans()
            os._exit(0)
        if read_end in readable:
            with contextlib.suppress(BlockingIOError):
                tail = (tail + os.read(read_end, 1 << 16))[-_TAIL:]
        done, status, usage = os.wait4(pid, os.WNOHANG)
        ended = bool(done)
    wall = time.monotonic() - started
    _kill_group(pid)
    orphans = _reap_orphans()
    with contextlib.suppress(BlockingIOError):
        while chunk := os.read(read_end, 1 << 16):
            tail = (tail + chunk)[-_TAIL:]
    os.close(read_end)
    return {
        "code": os.waitstatus_to_exitcode(status),
        "timed_out": timed_out,
        "wall_s": wall,
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "max_rss_kib": usage.ru_maxrss,
        "own_rss_kib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
        "orphans": orphans,
        "output": tail.decode("utf-8", "replace"),
    }


def _warm(task_ref: str, architecture: str, sys_path: list[str]) -> None:
    """Import what a task's model, and an optimiser over it, need: transformers and torch load much on first use.

    Only the suite's own task runs here. No backward pass: autograd's threads do not survive a fork.
    """
    import torch

    from mu_conformance.discovery import load_object

    torch.set_num_threads(1)
    sys.path[:] = sys_path
    with contextlib.suppress(Exception):
        model = load_object(task_ref, "task")().new_model(0, architecture)
        torch.optim.AdamW(model.parameters(), fused=True).zero_grad()


def _share(control: socket.socket, request: dict[str, Any], warm: set[tuple[str, str]]) -> None:
    """Fork a fork server for each connection that shows the secret, until the suite's end of ``control`` is closed.

    Only the secret's digest is known here, and so to the children: a method cannot get a process of its own, outside
    its call, by connecting.
    """
    listener = socket.socket(socket.AF_UNIX)
    try:
        listener.bind(request["address"])
    except OSError as error:
        _reply(control, {"ready": False, "message": str(error)})
        return
    listener.listen()
    _reply(control, {"ready": True})
    for task_ref, architecture in request["tasks"]:
        warm.add((task_ref, architecture))
        _warm(task_ref, architecture, request["sys_path"])
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while control not in select.select([listener, control], [], [])[0]:
        connection, _ = listener.accept()
        if _admitted(connection, request["digest"]) and os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            listener.close()
            control.close()
            os.setsid()
            _serve(connection, warm)
            os._exit(0)
        connection.close()


def _admitted(connection: socket.socket, digest: str) -> bool:
    connection.settimeout(_ADMISSION_LIMIT)
    try:
        shown = connection.recv(64, socket.MSG_WAITALL)
    except OSError:
        return False
    connection.settimeout(None)
    return hashlib.sha256(shown).hexdigest() == digest


def _reply(control: socket.socket, reply: dict[str, Any]) -> None:
    control.sendall((json.dumps(reply) + "\n").encode())


def _serve(control: socket.socket, warm: set[tuple[str, str]]) -> None:
    _adopt_orphans()
    reader = control.makefile("r", encoding="utf-8")
    for line in reader:
        request = json.loads(line)
        if request["operation"] == "preload":
            for name in request["modules"]:
                with contextlib.suppress(Exception):
                    importlib.import_module(name)
            _reply(control, {"ready": True})
        elif request["operation"] == "warm":
            task = (request["task_ref"], request["architecture"])
            if task not in warm:
                warm.add(task)
                _warm(*task, request["sys_path"])
        elif request["operation"] == "share":
            _share(control, request, warm)
        else:
            _reply(control, _run(request["folder"], request["seconds"], control))


def main(descriptor: int) -> None:
    """Serve until the other end closes."""
    os.environ["OMP_NUM_THREADS"] = "1"
    for module in ("mu_conformance.isolation.child", "mu_conformance.training.loop"):
        importlib.import_module(module)
    _serve(socket.socket(fileno=descriptor), set())


if __name__ == "__main__":
    main(int(sys.argv[1]))
