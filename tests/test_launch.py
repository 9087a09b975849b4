"""Zygotes are started early, taken once, and end with the suite."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import textwrap

import pytest

from mu_conformance.isolation import launch
from mu_conformance.isolation.client import MethodProcess
from mu_conformance.tasks import registry

# pytester forgets modules that a run in this process imports first: the registry would hold classes of what is
# forgotten
registry.tasks()


def answer(control) -> dict:
    control.sendall(b'{"operation": "preload", "modules": []}\n')
    return {"ready": json.loads(control.makefile().readline())["ready"]}


@pytest.fixture(autouse=True)
def none_waiting():
    launch.dismiss_early()
    yield
    launch.dismiss_early()
    launch.stop_sharing()


@pytest.fixture
def sharing():
    method = MethodProcess("mu_conformance.methods:Retrain")
    try:
        yield method, method.share([("mu_conformance.fixtures.tabular:Tabular", "logistic_regression")])
    finally:
        method.close()


class TestSharing:
    def test_each_that_connects_has_a_fork_server_of_its_own(self, sharing):
        launch.use_shared(*sharing[1])
        (none, first), (nothing, second) = (launch.launch(launch.search_path()) for _ in range(2))
        assert none is nothing is None
        assert answer(first) == answer(second) == {"ready": True}
        first.close()
        assert answer(second) == {"ready": True}
        second.close()

    def test_a_call_through_it_is_described_as_ever(self, sharing):
        launch.use_shared(*sharing[1])
        worker = MethodProcess("mu_conformance.methods:Retrain")
        try:
            assert worker.describe()["claims"]["max_ratio"] == 1.0
            assert worker._fork_server is None
        finally:
            worker.close()

    @pytest.mark.parametrize("shown", ["0" * 64, "short", ""])
    def test_without_the_secret_nobody_is_served(self, sharing, shown):
        with socket.socket(socket.AF_UNIX) as stranger:
            stranger.connect(sharing[1][0])
            stranger.sendall(shown.encode())
            stranger.shutdown(socket.SHUT_WR)
            assert stranger.recv(1) == b""

    def test_it_ends_when_it_is_closed_and_others_then_start_their_own(self, sharing):
        method, (address, secret) = sharing
        server = method._fork_server
        method.close()
        assert server.returncode == 0
        assert not os.path.exists(address)
        launch.use_shared(address, secret)
        process, control = launch.launch(launch.search_path())
        assert process is not None
        control.close()
        process.wait(timeout=60)

    def test_an_address_that_cannot_be_had_is_not_shared(self, monkeypatch):
        method = MethodProcess("mu_conformance.methods:Retrain")
        monkeypatch.setattr("tempfile.tempdir", None)
        monkeypatch.setenv("TMPDIR", "/tmp")
        monkeypatch.setattr("mu_conformance.isolation.client.CALL_PREFIX", "mu-conformance-" + "long" * 25)
        try:
            assert method.share([]) is None
        finally:
            method.close()


def test_one_that_was_started_early_is_taken_once_and_answers():
    launch.launch_early(1)
    ((_, _, (waiting, _)),) = launch._early
    process, control = launch.launch(launch.search_path())
    assert process is waiting
    assert launch._early == []
    assert answer(control) == {"ready": True}
    control.close()
    assert process.wait(timeout=60) == 0


def test_one_that_imports_from_elsewhere_is_sent_home():
    launch.launch_early(1)
    ((_, _, (waiting, _)),) = launch._early
    process, control = launch.launch([*launch.search_path(), "elsewhere"])
    assert process is not waiting
    assert waiting.wait(timeout=60) == 0
    control.close()
    process.wait(timeout=60)


def test_it_ends_with_the_process_that_started_it():
    script = """
        from mu_conformance.isolation import launch
        launch.launch_early(1)
        print(launch._early[0][2][0].pid)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, timeout=120, check=True
    )
    pid = done.stdout.strip()
    # Not our child, so it cannot be waited for: a shell polls until it is gone.
    gone = f"for i in $(seq 600); do kill -0 {pid} 2>/dev/null || exit 0; sleep 0.1; done; exit 1"
    assert subprocess.run(["sh", "-c", gone], timeout=120).returncode == 0


def test_those_that_nothing_took_end():
    launch.launch_early(2)
    waiting = [process for _, _, (process, _) in launch._early]
    launch.dismiss_early()
    assert launch._early == []
    assert all(process.returncode is not None for process in waiting)


@pytest.mark.parametrize("option", ["--mu-profile=smok", "--mu-task=sentimen"])
def test_a_session_that_a_bad_option_ends_leaves_none(option, pytester):
    run = pytester.runpytest_inprocess("--method", "mu_conformance.methods:Retrain", option)
    assert run.ret == pytest.ExitCode.USAGE_ERROR
    assert launch._early == []


def test_starting_one_imports_nothing_large():
    script = "import sys, mu_conformance.isolation.launch; print(sorted({'torch', 'numpy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.strip() == "[]"
