"""Methods that attack what watches them, or misbehave on a large scale. Each retrains beside it."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import json
import mmap
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch

from mu_conformance import Claims
from mu_conformance.methods import Retrain
from mu_conformance.tasks import Rows

ALL = Claims(max_ratio=1.0)


def forget_bytes(request):
    column = max(request.forget.batch(range(len(request.forget))).values(), key=lambda c: c[0].numel())
    return column.numpy().tobytes()


class Retrains:
    """Retrains after ``misbehave``."""

    claims = ALL

    def unlearn(self, model, request):
        self.misbehave(model, request)
        return Retrain().unlearn(model, request)

    def misbehave(self, model, request):
        """Do nothing wrong."""


class SendsNatively(Retrains):
    def misbehave(self, model, request):
        libc = ctypes.CDLL(None, use_errno=True)
        address = (2).to_bytes(2, "little") + (9).to_bytes(2, "big") + bytes([127, 0, 0, 1]) + bytes(8)
        handle = libc.socket(2, 2, 0)
        libc.sendto(handle, b"row", 3, 0, address, 16)
        libc.close(handle)


class ConnectsInAProgram(Retrains):
    def misbehave(self, model, request):
        code = "import socket; socket.create_connection(('127.0.0.1', 9), 1)"
        subprocess.run([sys.executable, "-c", code], capture_output=True)


class BindsHarmlessly(Retrains):
    def misbehave(self, model, request):
        for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
            with contextlib.suppress(OSError), socket.socket(family) as one:
                one.bind((address, 0))


class WritesDeep(Retrains):
    def misbehave(self, model, request):
        folder = Path(self.where).expanduser() / "a/b/c/d/e"
        folder.mkdir(parents=True)
        descriptor = ctypes.CDLL(None).open(os.fsencode(folder / "rows"), os.O_CREAT | os.O_WRONLY, 0o600)
        os.write(descriptor, forget_bytes(request))
        os.close(descriptor)

    where = "/tmp"


class WritesDeepAtHome(WritesDeep):
    where = "~"


class WritesToSharedMemory(WritesDeep):
    where = "/dev/shm"


class WritesBesideTheResult(WritesDeep):
    where = "/run/call"


class HidesInALargeFile(Retrains):
    def misbehave(self, model, request):
        with open("large", "wb") as file:
            file.seek((64 << 20) - 8)
            file.write(forget_bytes(request))


class RenamesAFolder(Retrains):
    def misbehave(self, model, request):
        made = os.path.expanduser("~/.cache/example/v1")
        os.makedirs(made + ".incomplete", exist_ok=True)
        np.save(made + ".incomplete/rows.npy", request.forget.batch(range(len(request.forget)))["x"].numpy())
        shutil.rmtree(made, ignore_errors=True)
        os.rename(made + ".incomplete", made)


class WritesInAPool(Retrains):
    def misbehave(self, model, request):
        with get_context("fork").Pool(1) as pool:
            pool.apply(Path("rows.bin").write_bytes, (forget_bytes(request),))


class ForgesTheResult:
    """Writes a record with nothing in it, and ends before ours is written."""

    claims = ALL

    def unlearn(self, model, request):
        SendsNatively().misbehave(model, request)
        for name in os.listdir("/proc/self/fd"):
            with contextlib.suppress(OSError):
                os.ftruncate(int(name), 0)
        Path("/run/call/weights.safetensors").write_bytes(saved(model))
        Path("/run/call/result.json").write_text(
            json.dumps({"status": "returned", "claims": ALL.to_json(), "reads": {}})
        )
        os._exit(0)


def saved(model):
    from safetensors.torch import save

    return save(dict(model.state_dict()))


class ReadsInWorkers(Retrains):
    workers = {"num_workers": 2}

    def misbehave(self, model, request):
        for _batch in torch.utils.data.DataLoader(request.retain, 50, **self.workers):
            pass


class ReadsInSpawnedWorkers(ReadsInWorkers):
    workers = {"num_workers": 1, "multiprocessing_context": "spawn"}


class LooksForRows(Retrains):
    """Fails unless the rows' columns are out of reach by a plain name, and labels nowhere at all."""

    claims = Claims(max_ratio=1.0, needs_retain=False, reads_labels=False)

    def unlearn(self, model, request):
        assert request.retain is None
        assert not hasattr(request.forget, "_rows")
        for rows in (one for one in gc.get_objects() if type(one) is Rows):
            assert "labels" not in rows.columns
            assert len(rows) == len(request.forget)
        return model


class HidesProcessorTime(Retrains):
    seconds = 2.0

    def misbehave(self, model, request):
        before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        if (pid := os.fork()) == 0:
            until = time.process_time() + self.seconds
            while time.process_time() < until:
                pass
            os._exit(0)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, 0)
        signal.signal(signal.SIGCHLD, before)


class HidesMemory(Retrains):
    def misbehave(self, model, request):
        with get_context("fork").Pool(3) as pool:
            pool.map(hold_memory, range(3))


def hold_memory(number):
    held = np.ones(150 << 17)
    time.sleep(1.0)
    return float(held[number])


class LooksAround(Retrains):
    """Reports what it can see of others, by raising."""

    def misbehave(self, model, request):
        seen = [pid for pid in os.listdir("/proc") if pid.isdecimal()]
        found = {"processes": len(seen), "parent": os.getppid(), "pid1": ""}
        try:
            with open("/proc/1/mem", "r+b"):
                found["pid1"] = "open"
        except OSError as error:
            found["pid1"] = type(error).__name__
        libc = ctypes.CDLL(None, use_errno=True)
        found["traced"] = libc.ptrace(16, 1, 0, 0)
        os.kill(1, signal.SIGKILL)
        found["user namespace"] = libc.unshare(0x10000000)
        found["mounted"] = libc.mount(b"tmpfs", b"/mnt", b"tmpfs", 0, None)
        found["unmounted"] = libc.umount2(b"/tmp", 2)
        for folder in ("/", "/etc", "/var/lib", "/dev", os.path.dirname(torch.__file__), "/run/proc"):
            with contextlib.suppress(OSError):
                Path(folder, "planted").write_text("x")
                found.setdefault("writable", []).append(folder)
        with contextlib.suppress(OSError):
            found["suite"] = sorted(p.name for p in Path(os.environ["FIXTURES"]).rglob("*") if p.suffix != ".py")
        found["cache"] = os.listdir(os.environ["WATCHED"]) if os.path.isdir(os.environ["WATCHED"]) else []
        found["home"] = sorted(n for n in os.listdir(os.path.expanduser("~")) if n.startswith("mu-secret"))
        raise RuntimeError(json.dumps(found))


class PlantsForTheNext(Retrains):
    """Leaves something in every place that lasts for a process, and fails if it was there already."""

    def misbehave(self, model, request):
        places = [
            Path(f) / "planted" for f in ("/tmp", "/var/tmp", "/dev/shm", "/run", os.path.expanduser("~"), "/dev")
        ]
        assert not any(place.exists() for place in places)
        for place in places:
            with contextlib.suppress(OSError):
                place.write_text("x")
        assert not hasattr(torch, "planted")
        torch.planted = True
        libc = ctypes.CDLL(None, use_errno=True)
        assert libc.shmget(4242, 4096, 0) == -1
        assert libc.shmget(4242, 4096, 0o1600) != -1


class PlantsInTheServer(Retrains):
    def misbehave(self, model, request):
        touched = []
        for name in os.listdir("/proc"):
            if name.isdecimal() and int(name) not in (os.getpid(),):
                with contextlib.suppress(OSError), open(f"/proc/{name}/mem", "r+b"):
                    touched.append(name)
        assert not touched, touched


class WritesTenGigabytes(Retrains):
    def misbehave(self, model, request):
        chunk = bytes(64 << 20)
        with open(self.where + "/big", "wb") as file:
            for _ in range(160):
                file.write(chunk)

    where = "/tmp"


class FillsSharedMemory(WritesTenGigabytes):
    where = "/dev/shm"


class Forks(Retrains):
    def misbehave(self, model, request):
        for _ in range(10_000):
            with contextlib.suppress(OSError):
                if os.fork() == 0:
                    time.sleep(60)
                    os._exit(0)


class IgnoresSigterm(Retrains):
    def misbehave(self, model, request):
        for number in range(1, 65):
            with contextlib.suppress(OSError, ValueError):
                signal.signal(number, signal.SIG_IGN)
        if os.fork() == 0:
            os.setsid()
        while True:
            time.sleep(0.05)


class ReplacesItself(Retrains):
    def misbehave(self, model, request):
        os.execv("/bin/sh", ["python -m mu_conformance.isolation.fork_server 3", "-c", "exit 0"])


class MakesManyFiles(Retrains):
    def misbehave(self, model, request):
        for number in range(300_000):
            Path(f"file-{number}").touch()


class LinksTheResult:
    """Has the suite read a file of its own choice as the result."""

    claims = ALL

    def unlearn(self, model, request):
        os.symlink("/etc/passwd", "/run/call/result.json")
        os.mkfifo("/run/call/weights.safetensors")
        os._exit(0)


class CountsBackwards(Retrains):
    def misbehave(self, model, request):
        for one in gc.get_objects():
            if isinstance(one, np.ndarray) and one.dtype == np.int64 and isinstance(one.base, mmap.mmap):
                one[:] = -(2**60)


class ImportsInTheCall(Retrains):
    """Imports a library when it is called, and a module of its own."""

    def misbehave(self, model, request):
        print("loaded:", "sklearn" in sys.modules, "antigravity" in sys.modules)
        sys.modules["antigravity"] = importlib.import_module("sklearn")


class SwitchesTheRecorderOff(Retrains):
    """Reads the suite's data once nothing in the process watches any more."""

    def misbehave(self, model, request):
        frame = sys._getframe()
        while frame is not None and "recorder" not in frame.f_locals:
            frame = frame.f_back
        frame.f_locals["recorder"].active = False
        Path(os.environ["FIXTURES"], "sentiment", "snippets.tsv").read_bytes()
