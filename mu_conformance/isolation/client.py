"""Describe a method, call it, and take back weights and a report: the suite's side of isolation."""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from safetensors.torch import load_file

from mu_conformance.adapters.describing import PRELOADABLE
from mu_conformance.discovery import MethodError, is_installed
from mu_conformance.isolation.call import CallFolder, CallInput, CallResult, CallSpec
from mu_conformance.isolation.guard import Guard
from mu_conformance.isolation.launch import kill, launch
from mu_conformance.isolation.namespace import CALL, SCRATCH
from mu_conformance.isolation.residue import everything_in, files_in, find_residue, recent_files
from mu_conformance.isolation.sandbox import Box, Sandbox, SandboxError, needed_folders, private_folders
from mu_conformance.isolation.temporary import remove_stale_folders, temporary_folder
from mu_conformance.isolation.weight_residue import find_in_weights
from mu_conformance.isolation.wire import Wire

__all__ = ["CALL_PREFIX", "MethodProcess"]

CALL_PREFIX = "mu-conformance-"
"""Prefix of the temporary folders of the suite's own."""
_LONGEST_RECORD = 64 << 20
"""Largest record of a call that is read, bytes."""
_RESULT_ROOM, _RESULT_COPIES = 128 << 20, 3
"""Bytes that the result files may take, and copies of the model and the rows beside them."""
_ROOM, _COPIES = 1 << 30, 16
"""Bytes that a call may write, and copies of the model and the rows that it may write beside them."""
_START_LIMIT = 120.0
"""Seconds that a fork server has to import what it needs."""


class MethodProcess:
    """Calls one method, each time in a fresh process forked from a fork server that this object owns.

    Args:
        method_ref: the method, as ``--method`` takes it.
        sys_path: where the child imports the method and the task from; None: this process's path at the time of a call.
        watched: folders of the suite whose data files a method has no business to read.
        guarded: folders of the suite that a method must not change, looked at where there is no sandbox.
        preload: modules that every call needs.
        sandbox: sandbox in which the method runs; None for none.
        device: device that the method computes on.
        in_process: True to run the method here, for debugging, without protection and without the operating system's
            figures.
    """

    def __init__(
        self,
        method_ref: str,
        *,
        sys_path: list[str] | None = None,
        watched: tuple[str, ...] = (),
        guarded: tuple[str, ...] = (),
        preload: tuple[str, ...] = (),
        sandbox: Sandbox | None = None,
        device: str = "cpu",
        in_process: bool = False,
    ) -> None:
        self.method_ref = method_ref
        self._sys_path = sys_path
        self.watched = watched
        self.guarded = guarded
        self.sandbox = None if in_process else sandbox
        self.device = device
        self.in_process = in_process
        self.home = Path.cwd()
        self._fork_server: subprocess.Popen[bytes] | None = None
        self._wire: Wire | None = None
        self._box: Box | None = None
        self._asked = 0
        self._preload = list(preload)
        self._sharing = contextlib.ExitStack()
        self.spent = {"calls": 0.0, "calls_wall": 0.0, "calls_method": 0.0}
        """Number of calls, their wall seconds in all, and the method's part of these."""
        atexit.register(self.close)

    @property
    def sys_path(self) -> list[str]:
        """Return the path from which the child imports: the given one, or this process's own as it is now."""
        return [path or str(self.home) for path in (sys.path if self._sys_path is None else self._sys_path)]

    @property
    def _child_path(self) -> list[str]:
        """Return the path of a call: the method's own folder first, as Python has it for a script's.

        The fork server measures calls, and has that folder last: a module there must not stand in for one of ours.
        """
        if self._sys_path is not None:
            return self.sys_path
        home = str(self.home)
        return [home, *(path for path in self.sys_path if path != home)]

    # -- the fork server ---------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the fork server without waiting for it, so that its imports overlap with other work."""
        if self.in_process:
            return
        sys_path = self.sys_path
        box = None if self.sandbox is None else Box.of(self.sandbox, sys_path, self.device)
        # A shared server is another process's child and cannot be polled. The next request shows whether it has ended.
        alive = self._wire is not None and (self._fork_server is None or self._fork_server.poll() is None)
        # The path may have grown since by folders that are out of the server's sight.
        if alive and (box is None or self._box is None or self._box.shows(box)):
            return
        self.close()
        remove_stale_folders(CALL_PREFIX)
        self._fork_server, control = launch(sys_path, box)
        self._wire = Wire(control)
        self._box = box if self._fork_server is not None else None
        if self._preload and self._fork_server is not None:
            self._ask({"operation": "preload", "modules": self._preload}, _START_LIMIT)

    def warm(self, task_ref: str, architecture: str) -> None:
        """Have the fork server import what a task's model needs.

        The call returns at once, so the imports overlap with other work.
        """
        if self.in_process:
            return
        self.start()
        assert self._wire is not None
        request = {"operation": "warm", "task_ref": task_ref, "architecture": architecture, "sys_path": self.sys_path}
        # A server that died shows at the next request, which starts another.
        with contextlib.suppress(OSError):
            self._wire.send(request)

    def share(self, tasks: Iterable[tuple[str, str]]) -> tuple[str, str] | None:
        """Offer the fork server to other processes, warmed for ``tasks`` (reference, architecture).

        Returns the address and the secret for their ``launch.use_shared``; None where sharing is not possible. The
        server then takes no more calls from this object. Sharing ends when this object is closed.
        """
        if self.in_process:
            return None
        self.start()
        folder = self._sharing.enter_context(temporary_folder(CALL_PREFIX))
        address, secret = str(folder / "fork-server"), secrets.token_hex(32)
        request = {
            "operation": "share",
            "digest": hashlib.sha256(secret.encode()).hexdigest(),
            "tasks": list(tasks),
            "sys_path": self.sys_path,
        }
        # The socket is made here and handed over, because a sandboxed server sees no folder of ours.
        with socket.socket(socket.AF_UNIX) as listener:
            try:
                listener.bind(address)
            except OSError:
                return None
            listener.listen()
            reply, _ = self._ask(request, _START_LIMIT, [listener.fileno()])
        return (address, secret) if reply is not None and reply["ready"] else None

    def close(self) -> None:
        """End the fork server and whatever it runs."""
        self._sharing.close()
        if self._wire is not None:
            # The server ends when its socket closes, and takes the running call with it. Killing comes last, because a
            # killed server could not end its children.
            self._wire.close_descriptors()
            self._wire.control.close()
            self._wire = None
        if self._fork_server is not None:
            try:
                self._fork_server.wait(timeout=5)
            except subprocess.TimeoutExpired:
                kill(self._fork_server)
            self._fork_server = None

    def _ask(
        self, request: dict[str, Any], seconds: float, descriptors: Sequence[int] = ()
    ) -> tuple[dict[str, Any] | None, list[int]]:
        """Send one request; return the reply and its descriptors, or None if the fork server died or fell silent.

        The server is then closed, and the next call starts another.
        """
        self.start()
        assert self._wire is not None
        self._asked += 1
        try:
            # The server may still be importing when the request comes in, so the time of a start is added.
            self._wire.control.settimeout(seconds + _START_LIMIT)
            self._wire.send({**request, "id": self._asked}, descriptors)
            received = self._wire.receive()
            if received is None or received[0].get("id") != self._asked:
                raise ConnectionError
            return received
        except (OSError, ValueError):
            # Start afresh: a late reply would be taken for the next request's.
            self.close()
            return None, []
        # Ctrl-C, or a timeout of the test that asks.
        except BaseException:
            self.close()
            raise

    # -- describing and calling -----------------------------------------------------------------------------------

    def describe(self, seconds: float = 120.0) -> dict[str, Any]:
        """Import the method in a child; return its claims, distribution, version and source digest.

        Raises ``MethodError`` with a one-line message if it cannot be loaded.
        """
        if self.in_process:
            from mu_conformance.adapters.describing import describe

            sys.path[:] = [*self.sys_path, *(p for p in sys.path if p not in self.sys_path)]
            return describe(self.method_ref)
        with self._operation({"operation": "describe", **self._common()}, (), seconds) as (reply, files):
            if reply is None:
                raise MethodError(f"method {self.method_ref!r}: the process that imported it died")
            record = _read_json(files.result)
            if reply["timed_out"]:
                raise MethodError(f"method {self.method_ref!r}: importing it took longer than {seconds:.0f} s")
            if record.get("status") != "returned":
                why = record.get("message") or f"importing it ended the process with status {reply['code']}"
                if record.get("connections") or reply.get("unroutable"):
                    why = f"{why}; it tried to reach the network, which a method cannot, not even when it is imported"
                raise MethodError(f"{why}" if self.method_ref in why else f"method {self.method_ref!r}: {why}")
        description = record["description"]
        self.remember(description)
        return description

    def remember(self, description: dict[str, Any]) -> None:
        """Have the fork server import the well-known libraries used by the method, once instead of at every call.

        Args:
            description: what the method's process said of it when it was described, or after a call; ``preload``.
        """
        said = description.get("preload")
        # The method's process wrote it, and the server is trusted: it imports nothing of the method's.
        named = [name for name in PRELOADABLE if isinstance(said, list) and name in said and name not in self._preload]
        more = [name for name in named if is_installed(name)]
        self._preload += more
        if more and not self.in_process:
            self.start()
            self._ask({"operation": "preload", "modules": more}, _START_LIMIT)

    def call(self, spec: CallSpec, seconds: float) -> CallResult:
        """Call the method once, for at most ``seconds`` of wall time."""
        if self.in_process:
            return self._call_in_process(spec)
        started = time.time()
        call = CallInput.of(spec, {"operation": "call", **self._common()})
        try:
            # Look at the suite's files just before the call, so that whatever differs after it changed meanwhile. A
            # sandboxed call can write none of them: what differs is another process's doing, such as a second run's.
            guard = Guard(self.guarded if self.sandbox is None else ())
            # Imports made by the server are shared by all later children. Imports made by a child are lost with it.
            self.warm(spec.task_ref, spec.architecture)
            room = sum(tensor.nbytes for tensor in spec.state.values())
            room += sum(
                c.nbytes for rows in (spec.forget, spec.retain) if rows is not None for c in rows.columns.values()
            )
            with self._operation(call.header, call.descriptors, seconds, room) as (reply, files):
                if reply is None:
                    return CallResult("killed", "the process that runs the method was killed from inside the call")
                record = _read_json(files.result)
                result = self._outcome(record, reply, files, seconds)
                used = {"preload": record.get("preload")}
                # Wall time beyond the method's own is the price of isolation.
                self.spent["calls"] += 1
                self.spent["calls_wall"] += time.time() - started
                self.spent["calls_method"] += result.method_s
                result.report["reads"] = call.reads()
                result.report["suite_changed"] = guard.changed()
                result.report["unroutable"] = int(reply.get("unroutable") or 0)
                result.report["residue"] = self._residue(record, files, spec, started)
                result.report["residue"] += find_in_weights(result.state, spec.forget, spec.state)
        finally:
            call.close()
        self.remember(used)
        return result

    def _residue(self, record: dict[str, Any], files: CallFolder, spec: CallSpec, started: float) -> list[str]:
        """Return one line for each file with forget rows in it that the call left behind."""
        # Files of the call itself must be explained: one of unknown format counts too.
        if self.sandbox is not None:
            return find_residue(everything_in(files), spec.forget, strict=True)
        # Other new files may be anybody's, so only rows found in them count.
        left = self._left_behind(record, files, started)
        return find_residue(left["own"], spec.forget, strict=True) + find_residue(
            left["near"], spec.forget, strict=False
        )

    def _outcome(self, record: dict[str, Any], reply: dict[str, Any], files: CallFolder, seconds: float) -> CallResult:
        """Return the result of a call, from the child's record and the fork server's figures."""
        figures = {
            "wall_s": reply["wall_s"],
            "cpu_s": reply["cpu_s"],
            "method_s": float(record.get("method_s") or 0.0),
            # The child begins with the fork server's pages, which are not the method's.
            "peak_mib": max(reply.get("peak_mib", 0.0), (reply["max_rss_kib"] - reply["own_rss_kib"]) / 1024),
            "orphans": reply["orphans"],
            "output_tail": reply["output"],
            "report": record,
        }
        if reply["timed_out"]:
            return CallResult("timeout", f"stopped after {seconds:.0f} s, the time limit of a call", **figures)
        if reply.get("too_many"):
            return CallResult("killed", f"stopped at {reply['too_many']} processes, the limit of a call", **figures)
        # The child writes its record last. Without one, it ended before the call was over.
        if not record:
            code = reply["code"]
            last = reply["output"].strip().splitlines()[-1:] if code else []
            if code < 0:
                return CallResult("killed", f"the method's process was ended by signal {-code}", **figures)
            how = f"ended its process with status {code} instead of returning a model"
            return CallResult("escaped", ": ".join([how, *last]), **figures)
        if record.get("status") != "returned":
            return CallResult(str(record.get("status")), str(record.get("message", "")), **figures)
        try:
            state = load_file(files.weights) if _is_file(files.weights) else {}
            probe = load_file(files.probe)["probe"] if _is_file(files.probe) else None
        # The file may hold anything, because the method ran in the process that wrote it.
        except Exception as error:
            return CallResult("unusable", f"its weights cannot be read back: {error}", **figures)
        return CallResult("returned", str(record.get("message", "")), state=state, probe=probe, **figures)

    def _left_behind(self, record: dict[str, Any], files: CallFolder, since: float) -> dict[str, list[Path]]:
        """Return files known to be the call's own, and other new files in likely places."""
        # The method runs in the process that writes the record, so nothing in it is trusted to be of the right type.
        written = [Path(str(name)) for name in record.get("written", [])]
        own = files_in(files.scratch) + [
            p for p in written if p.parent != files.path and files.scratch not in p.parents
        ]
        # Devices and kernel files hold nothing that stays.
        own = [p for p in own if not str(p).startswith(("/dev/", "/proc/"))]
        temporary = Path(tempfile.gettempdir())
        # Native code writes without Python's audit events, so look where files usually go.
        roots = (temporary, Path("/tmp"), Path("/var/tmp"), Path("/dev/shm"), Path.home(), self.home)
        # A name and not a listing: another process may make a folder of its own between a listing and the look.
        ours = (temporary / CALL_PREFIX, *(Path(folder) for folder in self.watched))
        near = recent_files((root for root in roots), since, ours)
        return {"own": own, "near": [p for p in near if p not in own]}

    def _call_in_process(self, spec: CallSpec) -> CallResult:
        """Call the method in this process, without protection."""
        from mu_conformance.isolation.child import call_method
        from mu_conformance.protocol.seeding import seeded

        started, cpu = time.monotonic(), time.process_time()
        with seeded(spec.ambient_seed):
            report, state, probe = call_method(spec, self.method_ref, self.watched)
        return CallResult(
            report["status"],
            str(report.get("message", "")),
            state=state,
            probe=probe,
            report={**report, "residue": find_in_weights(state, spec.forget, spec.state)},
            wall_s=time.monotonic() - started,
            cpu_s=time.process_time() - cpu,
            method_s=report.get("method_s", 0.0),
        )

    def _common(self) -> dict[str, Any]:
        """Return what the child needs for any operation."""
        return {"method_ref": self.method_ref, "sys_path": self._child_path, "watched": list(self.watched)}

    @contextlib.contextmanager
    def _operation(
        self, header: dict[str, Any], descriptors: Sequence[int], seconds: float, room: int = 0
    ) -> Iterator[tuple[dict[str, Any] | None, CallFolder]]:
        """Have a child carry out an operation; give the block the reply and the files, which are gone afterwards.

        Args:
            header: the operation (``CallInput``).
            descriptors: descriptors of its parts.
            seconds: time limit.
            room: bytes of the model and the rows, by which the size limit of what is written is set.
        """
        request = {"operation": "call", "header": header, "seconds": seconds}
        if self.sandbox is None:
            with self._call_folder() as files:
                reply, _ = self._ask(
                    {**request, "folder": str(files.path), "scratch": str(files.scratch)}, seconds, descriptors
                )
                yield reply, files
            return
        self.start()
        plan = {
            "private": private_folders(),
            "hidden": sorted(os.path.realpath(folder) for folder in self.watched),
            "kept": needed_folders(self.sys_path),
            "bytes": _ROOM + _COPIES * room,
            "result_bytes": _RESULT_ROOM + _RESULT_COPIES * room,
        }
        reply, opened = self._ask({**request, "folder": CALL, "scratch": SCRATCH, "plan": plan}, seconds, descriptors)
        try:
            if reply is not None and reply.get("failed"):
                raise SandboxError(f"the sandbox of a call could not be made: {reply['failed']}")
            # Through a descriptor, because no path of ours leads there.
            written, results = (Path(f"/proc/self/fd/{one}") for one in opened or (-1, -1))
            yield reply, CallFolder(results, written)
        finally:
            for descriptor in opened:
                os.close(descriptor)

    @contextlib.contextmanager
    def _call_folder(self) -> Iterator[CallFolder]:
        """Make a folder for one call, and remove it after the block."""
        with temporary_folder(CALL_PREFIX) as folder:
            files = CallFolder(folder)
            files.scratch.mkdir()
            yield files


def _is_file(path: Path) -> bool:
    """Return whether a path is a plain file and no link."""
    return path.is_file() and not path.is_symlink()


def _read_json(path: Path) -> dict[str, Any]:
    """Return a file's JSON object; empty if there is none, because a method may have written the file."""
    try:
        # No link is followed, or a call could have the suite read what it cannot read itself.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(descriptor, "rb") as file:
            content = file.read(_LONGEST_RECORD + 1)
        record = json.loads(content) if len(content) <= _LONGEST_RECORD else {}
    except (OSError, ValueError, RecursionError):
        return {}
    return record if isinstance(record, dict) else {}
