"""Zygotes are started early, taken once, and end with the suite."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap

import pytest

from mu_conformance.isolation import launch


def answer(control) -> dict:
    control.sendall(b'{"operation": "preload", "modules": []}\n')
    return json.loads(control.makefile().readline())


@pytest.fixture(autouse=True)
def none_waiting():
    launch.dismiss_early()
    yield
    launch.dismiss_early()


def test_one_that_was_started_early_is_taken_once_and_answers():
    launch.launch_early(1)
    ((_, (waiting, _)),) = launch._early
    process, control = launch.launch(launch.search_path())
    assert process is waiting
    assert launch._early == []
    assert answer(control) == {"ready": True}
    control.close()
    assert process.wait(timeout=60) == 0


def test_one_that_imports_from_elsewhere_is_sent_home():
    launch.launch_early(1)
    ((_, (waiting, _)),) = launch._early
    process, control = launch.launch([*launch.search_path(), "elsewhere"])
    assert process is not waiting
    assert waiting.wait(timeout=60) == 0
    control.close()
    process.wait(timeout=60)


def test_it_ends_with_the_process_that_started_it():
    script = """
        from mu_conformance.isolation import launch
        launch.launch_early(1)
        print(launch._early[0][1][0].pid)
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
    waiting = [process for _, (process, _) in launch._early]
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
