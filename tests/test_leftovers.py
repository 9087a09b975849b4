"""Threads and processes that a call leaves: which are told of, and by what name."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time

from mu_conformance.checks.contract.global_state_unchanged import _named, global_state_unchanged
from mu_conformance.decision.outcome import Outcome
from mu_conformance.evidence.call_record import CallRecord
from mu_conformance.evidence.calls import Calls
from mu_conformance.isolation.call import CallResult
from mu_conformance.isolation.leftovers import let_threads_end, processes_left, threads_running
from mu_conformance.protocol.claims import Claims
from mu_conformance.protocol.request import Budget


def test_threads_are_named_except_the_monitor_of_bars():
    from tqdm import tqdm

    for _ in tqdm(range(10), miniters=1, mininterval=0):
        pass
    assert any(type(thread).__module__.startswith("tqdm.") for thread in threading.enumerate())
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait, name="left behind")
    before = threads_running()
    thread.start()
    assert sorted([*before, "left behind"]) == threads_running()
    started = time.monotonic()
    let_threads_end(before)
    assert 0.4 < time.monotonic() - started < 5
    stop.set()
    let_threads_end(before)
    assert threads_running() == before


def test_a_thread_that_is_just_ending_is_waited_for():
    before = threads_running()
    threading.Thread(target=time.sleep, args=(0.1,), name="QueueFeederThread").start()
    let_threads_end(before)
    assert threads_running() == before


def test_processes_are_told_of_by_command_down_to_children_of_children():
    code = "import subprocess, time; subprocess.Popen(['sleep', '60']); time.sleep(60)"
    before = processes_left()
    with subprocess.Popen([sys.executable, "-c", code], start_new_session=True) as process:
        try:
            end = time.monotonic() + 20
            while "sleep 60" not in processes_left() and time.monotonic() < end:
                time.sleep(0.05)
            found = processes_left()
        finally:
            children = multiprocessing.active_children()
            os.killpg(process.pid, signal.SIGKILL)
    assert children == []
    assert len(found) == len(before) + 2
    assert "sleep 60" in found
    assert sum(command.startswith("python") and " -c import subprocess, time;" in command for command in found) == 1
    assert max(map(len, found)) <= 60


def test_a_message_counts_them_by_name():
    assert _named(["python", "sleep", "python"]) == " (2 of python, 1 of sleep)"
    assert _named(None) == _named([]) == _named("sleep") == ""
    call = CallResult("returned", report={"processes_left": ["sleep"]}, orphans=1)
    finding = global_state_unchanged(Calls((CallRecord(call, Budget()),), Claims(), "here"))
    assert finding.outcome is Outcome.FAILED
    assert finding.message.endswith("left 1 processes running (1 of sleep)")
