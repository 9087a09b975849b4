"""Watch every process of one call from its namespace's first process: time, memory, number and network.

The namespace's own ``/proc`` lists exactly the processes of the call, whoever their parents are now. Only the standard
library is imported.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from typing import Any

__all__ = ["Account", "supervise"]

_INTERVAL = 0.02
"""Seconds between two looks at the processes."""
_MEMORY_INTERVAL = 0.1
"""Seconds between two looks at the memory, which costs more."""
MOST_PROCESSES = 256
"""Largest number of processes that a call may have at once."""
_TICK = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
_NETWORK_FILES = ("/proc/self/net/snmp", "/proc/self/net/snmp6")


def _processes() -> list[int]:
    """Return the ids of the namespace's processes except this one."""
    return [int(name) for name in os.listdir("/proc") if name.isdecimal() and name != "1"]


def _read(path: str) -> str:
    """Return a kernel file's text; empty if its process is gone."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def unroutable() -> int:
    """Return how many packets had no route in this network namespace: attempts to reach anything, itself included."""
    count = 0
    for path in _NETWORK_FILES:
        lines = _read(path).splitlines()
        if path.endswith("snmp6"):
            count += sum(int(line.split()[1]) for line in lines if line.startswith("Ip6OutNoRoutes"))
            continue
        for names, values in zip(lines[::2], lines[1::2], strict=False):
            table = dict(zip(names.split(), values.split(), strict=False))
            if names.startswith("Ip:"):
                count += int(table.get("OutNoRoutes", 0))
    return count


class Account:
    """Adds up what the processes of a namespace used.

    The kernel adds a process's time to its parent when the parent waits for it. A parent that ignores the signal of a
    child's end never does, and that time would be lost. The largest time seen of every process is therefore kept too.
    """

    def __init__(self) -> None:
        self.reaped_s = 0.0
        """Processor seconds of the processes reaped here, with those that they had waited for."""
        self.peak_mib = 0.0
        """Largest memory of all processes together, beyond that of the first one at its start, MiB."""
        self.most = 0
        """Largest number of processes seen at once."""
        self._seen: dict[tuple[int, str], float] = {}
        self._base_kib: float | None = None

    @property
    def cpu_s(self) -> float:
        """Return the processor seconds of all processes, as far as they are known."""
        return max(self.reaped_s, sum(self._seen.values()))

    def look(self) -> int:
        """Take the time of every process; return how many are alive."""
        alive = 0
        for pid in _processes():
            # The name in brackets may hold anything, so the fields are counted from its end.
            fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
            if len(fields) < 20:
                continue
            alive += fields[0] not in "ZX"
            self._seen[pid, fields[19]] = (int(fields[11]) + int(fields[12])) / _TICK
        self.most = max(self.most, alive)
        return alive

    def weigh(self) -> None:
        """Take the memory of all processes; a page that several share counts once."""
        total = 0.0
        for pid in _processes():
            for line in _read(f"/proc/{pid}/smaps_rollup").splitlines():
                if line.startswith("Pss:"):
                    total += float(line.split()[1])
                    break
        if self._base_kib is None:
            self._base_kib = total
        self.peak_mib = max(self.peak_mib, (total - self._base_kib) / 1024)


def supervise(first: int, seconds: float) -> dict[str, Any]:
    """Watch the namespace until its process ``first`` ends, or the time is up; return its figures.

    Args:
        first: id of the process that makes the call.
        seconds: time limit of the call.

    Returns:
        ``code`` (exit code of ``first``), ``timed_out``, ``too_many`` (the limit of processes, or 0), ``wall_s``,
        ``cpu_s``, ``max_rss_kib`` (of the largest process), ``peak_mib`` (of several processes together), ``orphans``
        and ``unroutable``.
    """
    account, started = Account(), time.monotonic()
    packets = unroutable()
    account.weigh()
    due, code, largest = started + _MEMORY_INTERVAL, None, 0
    timed_out = too_many = False
    while code is None:
        # Wake up at once when a child ends; the look at the processes cannot wait longer than its interval.
        signal.sigtimedwait({signal.SIGCHLD}, _INTERVAL)
        alive, now = account.look(), time.monotonic()
        if alive > 1 and now > due:
            account.weigh()
            # Of many large processes the look takes long, and must not be all that is done.
            spent = time.monotonic() - now
            due = now + max(_MEMORY_INTERVAL, 10 * spent)
        if alive > MOST_PROCESSES or now - started > seconds:
            too_many = too_many or alive > MOST_PROCESSES
            timed_out = timed_out or not too_many
            _kill_all()
        ended, largest = _reap(account, first, largest)
        code = ended if code is None else code
    wall = time.monotonic() - started
    # Whoever is alive now was left running.
    orphans = account.look()
    for _ in range(100):
        _kill_all()
        _reap(account, first, largest)
        if not account.look():
            break
        time.sleep(0.005)
    return {
        "code": code,
        "timed_out": timed_out,
        "too_many": MOST_PROCESSES if too_many else 0,
        "wall_s": wall,
        "cpu_s": account.cpu_s,
        "max_rss_kib": largest,
        "peak_mib": account.peak_mib if account.most > 1 else 0.0,
        "orphans": orphans,
        "unroutable": unroutable() - packets,
    }


def _kill_all() -> None:
    """Kill every process of the namespace except this one."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(-1, signal.SIGKILL)


def _reap(account: Account, first: int, largest: int) -> tuple[int | None, int]:
    """Reap every process that has ended; return the exit code of ``first`` if it was one, and its memory in KiB."""
    code = None
    while True:
        try:
            pid, status, usage = os.wait4(-1, os.WNOHANG)
        except ChildProcessError:
            return code, largest
        if pid == 0:
            return code, largest
        account.reaped_s += usage.ru_utime + usage.ru_stime
        if pid == first:
            code, largest = os.waitstatus_to_exitcode(status), usage.ru_maxrss
