"""Give one call namespaces of its own inside the fork server's sandbox: processes, mounts, IPC, network and users.

``enter`` is called in a process forked for the call, the holder. The holder makes the namespaces and one file system in
memory, limited in size, that holds everything which the call can write. ``as_init`` forks the first process of the
process namespace. Once that process ends, the kernel kills every other process of the namespace, so nothing survives.

Run as a program, this file tries whether all that is possible here. Only the standard library is imported.
"""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import os
import sys
from collections.abc import Callable, Iterable

__all__ = ["CALL", "SCRATCH", "NamespaceError", "Plan", "as_init", "drop_privileges", "enter", "kept_below"]

HOME = "/run"
"""Where the file system of a call is mounted."""
SCRATCH = "/run/scratch"
"""Working folder of a call."""
CALL = "/run/call"
"""Where the file system of a call's result files is mounted: the result has room when all else is full."""

_NEWNS, _NEWUTS, _NEWIPC, _NEWUSER, _NEWPID, _NEWNET = (
    0x00020000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000,
)  # fmt: skip
_RDONLY, _NOSUID, _NODEV, _NOEXEC, _REMOUNT, _BIND, _REC, _PRIVATE = 1, 2, 4, 8, 32, 4096, 16384, 1 << 18
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 1, 4, 24, 38
_CAPABILITY_VERSION = 0x20080522
_MOST_CAPABILITIES = 64
_SIGKILL = 9
_libc = ctypes.CDLL(None, use_errno=True)


class NamespaceError(OSError):
    """Raised when a namespace or a mount is refused; the message says which."""


@dataclasses.dataclass(frozen=True)
class Plan:
    """Says what a call sees, beside the read-only root."""

    private: tuple[str, ...] = ("/tmp", "/var/tmp")
    """Folders of which the call has its own: empty, writable, and inspected afterwards."""
    hidden: tuple[str, ...] = ()
    """Folders of which only Python modules stay visible."""
    kept: tuple[str, ...] = ()
    """Folders that stay visible inside private and hidden ones."""
    bytes: int = 1 << 30
    """Size limit of everything that the call writes, bytes."""
    files: int = 100_000
    """Largest number of files, folders and links that the call may have at once."""
    result_bytes: int = 1 << 28
    """Size limit of the result files, bytes."""


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise NamespaceError(number, f"{what}: {os.strerror(number)}")


def _mount(source: str | None, target: str, kind: str | None, flags: int = 0, data: str = "") -> None:
    encoded = [None if text is None else os.fsencode(text) for text in (source, target, kind)]
    _check(_libc.mount(*encoded, ctypes.c_ulong(flags), data.encode()), f"mount {target}")


def _prctl(option: int, value: int) -> None:
    _check(_libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0), f"prctl {option}")


def enter(plan: Plan) -> list[int]:
    """Make the namespaces and mounts of a call around this process; return descriptors of its two file systems.

    The first holds everything that the call writes except its result files, which are in the second.

    The next process forked is the first one of the new process namespace. Raises ``NamespaceError``.
    """
    user, group = os.getuid(), os.getgid()
    _check(_libc.unshare(_NEWUSER | _NEWNS | _NEWPID | _NEWIPC | _NEWNET | _NEWUTS), "unshare")
    # The kernel wants this before an ordinary user may map a group.
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", f"{user} {user} 1")
    _write("/proc/self/gid_map", f"{group} {group} 1")
    _mount(None, "/", None, _REC | _PRIVATE)
    visible = {path: _open(path) for path in _sources(plan)}
    _mount("tmpfs", HOME, "tmpfs", _NOSUID | _NODEV, f"size={plan.bytes},nr_inodes={plan.files},mode=755")
    os.mkdir(SCRATCH)
    os.mkdir(CALL)
    _mount("tmpfs", CALL, "tmpfs", _NOSUID | _NODEV, f"size={plan.result_bytes},nr_inodes=1000,mode=755")
    private = [folder for folder in dict.fromkeys((*plan.private, "/dev/shm")) if folder in visible]
    hidden = [folder for folder in plan.hidden if folder in visible]
    # Outer folders come first, because covering one hides what was mounted inside it.
    for folder in sorted({*private, *hidden}, key=lambda path: path.count("/")):
        if folder in hidden:
            _hide(folder, visible, plan)
            continue
        own = f"{HOME}/{folder.strip('/').replace('/', '-')}"
        os.mkdir(own, 0o1777)
        os.makedirs(folder, exist_ok=True) if not os.path.isdir(folder) else None
        _mount(own, folder, None, _BIND)
        _put_back(_kept_below(folder, plan.kept, visible), visible)
    for descriptor in visible.values():
        os.close(descriptor)
    return [os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC) for folder in (HOME, CALL)]


def _write(path: str, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def _open(path: str) -> int:
    return os.open(path, os.O_PATH | os.O_CLOEXEC)


def _sources(plan: Plan) -> list[str]:
    """Return everything that is covered or mounted again, as far as it is visible now."""
    found = [*plan.private, "/dev/shm", *plan.hidden]
    for folder in plan.private:
        found += kept_below(folder, plan.kept)
    for folder in plan.hidden:
        found += _modules(folder) + [path for path in plan.kept if path.startswith(f"{folder}/")]
    return [path for path in dict.fromkeys(found) if os.path.exists(path)]


def kept_below(folder: str, kept: Iterable[str]) -> list[str]:
    """Return what stays visible of a folder that is covered: the kept paths below it.

    Where the folder itself is kept, because the method's modules lie in it, its visible entries are.
    """
    found: list[str] = []
    for path in kept:
        if path.startswith(f"{folder}/"):
            found.append(path)
        elif path == folder and os.path.isdir(folder):
            found += [entry.path for entry in os.scandir(folder) if not entry.name.startswith(".")]
    return found


def _kept_below(folder: str, kept: Iterable[str], visible: dict[str, int]) -> list[str]:
    below = [path for path in visible if path.startswith(f"{folder}/")]
    wanted = [path for path in kept if path.startswith(f"{folder}/")]
    if folder in kept:
        wanted += [path for path in below if "/" not in path[len(folder) + 1 :] and path[len(folder) + 1] != "."]
    return sorted({path for path in wanted if path in visible})


def _modules(folder: str) -> list[str]:
    """Return the Python modules below a folder that is a package; none of any other folder."""
    if not os.path.exists(os.path.join(folder, "__init__.py")):
        return []
    found: list[str] = []
    for parent, folders, names in os.walk(folder):
        found += [os.path.join(parent, name) for name in names if name.endswith(".py")]
        if "__pycache__" in folders:
            folders.remove("__pycache__")
            found.append(os.path.join(parent, "__pycache__"))
    return found


def _hide(folder: str, visible: dict[str, int], plan: Plan) -> None:
    """Cover a folder by an empty one in which only modules and kept folders are visible."""
    if not os.path.isdir(folder):
        # Its parent was covered already.
        return
    _mount("tmpfs", folder, "tmpfs", _NOSUID | _NODEV, "size=1m,mode=755")
    below = [path for path in visible if path.startswith(f"{folder}/")]
    _put_back([path for path in below if path.endswith((".py", "__pycache__")) or path in plan.kept], visible)
    _mount(None, folder, None, _REMOUNT | _BIND | _RDONLY | _NOSUID | _NODEV)


def _put_back(paths: Iterable[str], visible: dict[str, int]) -> None:
    """Mount files and folders again where they were before their folder was covered."""
    for path in paths:
        source = f"/proc/self/fd/{visible[path]}"
        # Others may delete what lies in a folder that is searched for modules.
        if os.fstat(visible[path]).st_nlink == 0:
            continue
        if os.path.isdir(source):
            os.makedirs(path, exist_ok=True)
        else:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
        _mount(source, path, None, _BIND | _REC)


def as_init(body: Callable[[], int]) -> int:
    """Fork the first process of the namespace, which ends with the status that ``body`` returns; return its id.

    The process is trusted: no process of the namespace can trace, stop or kill it.
    """
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        # The namespace ends with the process that holds it.
        _prctl(_PR_SET_PDEATHSIG, _SIGKILL)
        # Its descriptors and memory are out of reach even for a process with the same user.
        _prctl(_PR_SET_DUMPABLE, 0)
        _mount("proc", "/proc", "proc", _NOSUID | _NODEV | _NOEXEC)
        # A further user namespace would give back the right to mount, and so room that nobody inspects.
        with contextlib.suppress(OSError):
            _write("/proc/sys/user/max_user_namespaces", "0")
        status = body()
    except BaseException as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
    finally:
        os._exit(status)


def drop_privileges() -> None:
    """Give up every capability for good, in the process that runs the method."""
    for capability in range(_MOST_CAPABILITIES):
        # The kernel refuses the numbers that it does not have.
        _libc.prctl(_PR_CAPBSET_DROP, ctypes.c_ulong(capability), 0, 0, 0)
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    _check(_libc.capset(header, (ctypes.c_uint32 * 6)()), "capset")
    # Python's multiprocessing reads the descriptors of a parent; the change of credentials had forbidden that.
    _prctl(_PR_SET_DUMPABLE, 1)


def _try() -> int:
    """Enter a call's namespaces, and drop every privilege in a process of them."""

    def body() -> int:
        drop_privileges()
        return 0 if os.getpid() == 1 else 3

    try:
        enter(Plan(bytes=1 << 20))
        _, status = os.waitpid(as_init(body), 0)
    except OSError as error:
        print(error.strerror, file=sys.stderr)
        return 2
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    sys.exit(_try())
