"""What a method does in the sandbox, by whatever means, is seen from outside and gone afterwards."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.resources
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import torch

from mu_conformance.discovery import MethodError, is_installed
from mu_conformance.isolation import launch, sandbox, temporary
from mu_conformance.isolation.call import CallResult, CallSpec
from mu_conformance.isolation.client import MethodProcess
from mu_conformance.isolation.sandbox import SandboxError

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "toy"))
from toy_task import ToyTask  # noqa: E402

try:
    FOUND = sandbox.find_sandbox()
except SandboxError as error:
    pytest.skip(str(error), allow_module_level=True)

TASK = ToyTask()
TRAIN = TASK.splits.train
FIXTURES = os.path.realpath(str(importlib.resources.files("mu_conformance.fixtures")))


def spec_of(**changes) -> CallSpec:
    made = CallSpec(
        "toy_task:ToyTask", "mlp", dataclasses.replace(TASK.recipe, epochs=1),
        dict(TASK.new_model(0).state_dict()), TRAIN.select(range(20)), TRAIN.select(range(20, 120)), 7,
    )  # fmt: skip
    return dataclasses.replace(made, **changes)


class Attacker:
    """Calls methods of ``sandboxed`` through one fork server."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.watched = folder / "watched"
        self.watched.mkdir()
        (self.watched / "artefact").write_text("a stored reference")
        os.environ["FIXTURES"], os.environ["WATCHED"] = FIXTURES, str(self.watched)
        self.modules = folder / "modules"
        self.modules.mkdir()
        path = [str(self.modules), str(HERE), str(HERE / "toy"), *launch.search_path()]
        self.method = MethodProcess(
            "", sys_path=path, sandbox=FOUND, watched=(FIXTURES, str(self.watched)), guarded=(str(self.watched),)
        )

    def call(self, name: str, seconds: float = 30.0, **changes) -> CallResult:
        self.method.method_ref = name if ":" in name else f"sandboxed:{name}"
        return self.method.call(spec_of(**changes), seconds)

    def module(self, name: str, text: str) -> str:
        body = "from mu_conformance.methods import Retrain\nimport os, socket, pathlib\n" + text
        (self.modules / f"{name}.py").write_text(body + "\nclass Method(Retrain):\n    pass\n")
        return f"{name}:Method"


@pytest.fixture(scope="module")
def attacker(tmp_path_factory):
    made = Attacker(tmp_path_factory.mktemp("sandbox"))
    yield made
    made.method.close()


@pytest.fixture(autouse=True)
def unharmed(request):
    """After each attack the next call is as good as ever."""
    yield
    if "attacker" in request.fixturenames:
        result = request.getfixturevalue("attacker").call("Retrains")
        assert result.status == "returned", result
        assert not result.report["residue"]


def test_an_honest_call_is_as_ever(attacker):
    result = attacker.call("Retrains")
    assert (result.status, result.message, result.orphans) == ("returned", "", 0)
    assert result.report["residue"] == result.report["suite_changed"] == result.report["global_changes"] == []
    assert result.report["unroutable"] == 0
    assert result.report["reads"]["retain"] == {"rows": 100, "draws": 100, "of": 100}


def test_what_another_process_writes_meanwhile_is_not_the_methods(attacker):
    """A second run, or a developer: no sandboxed call can write the suite's files."""
    artefact, again = attacker.watched / "artefact", threading.Event()

    def rewrite():
        while not again.wait(0.01):
            artefact.write_text("a stored reference")

    writer = threading.Thread(target=rewrite)
    writer.start()
    try:
        assert attacker.call("Retrains").report["suite_changed"] == []
    finally:
        again.set()
        writer.join()


def test_a_library_that_a_call_imports_is_loaded_for_the_next(attacker):
    """Else each call would pay for the import, and be taken for an expensive one. Only libraries on the list are."""
    outputs = [attacker.call("ImportsInTheCall").output_tail for _ in range(2)]
    assert ["loaded: False False" in outputs[0], "loaded: True False" in outputs[1]] == [True, True], outputs


class TestNetwork:
    @pytest.mark.parametrize("name", ["SendsNatively", "ConnectsInAProgram"])
    def test_attempts_are_counted_by_the_kernel(self, attacker, name):
        result = attacker.call(name)
        assert result.status == "returned"
        assert result.report["connections"] == []
        assert result.report["unroutable"] >= 1

    def test_an_address_of_its_own_is_no_attempt(self, attacker):
        assert attacker.call("BindsHarmlessly").report["unroutable"] == 0

    def test_a_forged_record_hides_nothing(self, attacker):
        result = attacker.call("ForgesTheResult")
        assert result.status == "returned"
        assert result.report["unroutable"] >= 1
        assert result.report["reads"]["retain"]["of"] == 100

    def test_the_import_counts(self, attacker):
        text = "\ntry:\n    socket.create_connection(('127.0.0.1', 9), 1)\nexcept OSError:\n    pass"
        result = attacker.call(attacker.module("connecting", text))
        assert result.report["connections"] == ["socket.getaddrinfo '127.0.0.1'"]

    def test_a_method_that_needs_it_at_import_is_told(self, attacker):
        attacker.method.method_ref = attacker.module("needing", "socket.create_connection(('127.0.0.1', 9), 1)")
        with pytest.raises(MethodError, match="it tried to reach the network, which a method cannot"):
            attacker.method.describe()


class TestResidue:
    @pytest.mark.parametrize(
        "name",
        ["WritesDeep", "WritesDeepAtHome", "WritesToSharedMemory", "WritesBesideTheResult", "RenamesAFolder",
         "WritesInAPool", "HidesInALargeFile"],
    )  # fmt: skip
    def test_rows_are_found_wherever_they_are(self, attacker, name):
        result = attacker.call(name)
        assert result.status == "returned", result
        (line,) = result.report["residue"]
        assert line.endswith("holds rows of the forget set")

    def test_rows_written_at_import_are_found(self, attacker):
        text = """
for name in os.listdir("/proc/self/fd"):
    try:
        if "memfd" in os.readlink(f"/proc/self/fd/{name}"):
            pathlib.Path(os.path.expanduser("~/kept" + name)).write_bytes(os.pread(int(name), 1 << 20, 0))
    except OSError:
        pass
"""
        assert attacker.call(attacker.module("writing", text)).report["residue"]

    def test_nothing_of_it_is_left_here(self, attacker):
        before = {path.name for path in Path.home().iterdir()}
        attacker.call("WritesDeepAtHome")
        assert {path.name for path in Path.home().iterdir()} <= before | {".cache"}


class TestAccess:
    def test_files_of_the_suite_are_out_of_sight_at_import_too(self, attacker):
        result = attacker.call(attacker.module("reading", f"os.listdir({str(attacker.watched)!r})[0]"))
        assert result.status == "raised"
        assert "No such file or directory" in result.message

    def test_without_the_recorder_they_are_no_nearer(self, attacker):
        result = attacker.call("SwitchesTheRecorderOff")
        assert result.status == "raised"
        assert "No such file or directory" in result.message
        assert (Path(FIXTURES) / "sentiment" / "snippets.tsv").is_file()

    def test_others_are_neither_visible_nor_traceable(self, attacker):
        result = attacker.call("LooksAround")
        found = json.loads(result.message.partition(": ")[2].rpartition(" (")[0])
        assert found["processes"] == 2
        assert found["parent"] == 1
        assert found["pid1"] in ("PermissionError", "FileNotFoundError")
        assert found["traced"] == found["user namespace"] == found["mounted"] == found["unmounted"] == -1
        assert "writable" not in found
        assert not [name for name in found["suite"] if name.endswith((".safetensors", ".tsv", ".json"))]
        assert found["cache"] == found["home"] == []

    def test_nothing_survives_from_call_to_call(self, attacker):
        assert attacker.call("PlantsForTheNext").status == "returned"
        result = attacker.call("PlantsForTheNext")
        assert result.status == "returned", result.message

    def test_no_process_can_be_written_to(self, attacker):
        result = attacker.call("PlantsInTheServer")
        assert result.status == "returned", result.message

    def test_what_was_not_declared_is_not_there(self, attacker):
        result = attacker.call("LooksForRows", retain=None, reads_labels=False)
        assert result.status == "returned", result.message
        assert "retain" not in result.report["reads"]

    def test_no_link_is_followed(self, attacker):
        result = attacker.call("LinksTheResult")
        assert result.status == "escaped"
        assert result.report == {**result.report, "reads": result.report["reads"]}
        assert "root" not in json.dumps(result.report)


class TestCounting:
    @pytest.mark.parametrize("name", ["ReadsInWorkers", "ReadsInSpawnedWorkers"])
    def test_reads_in_workers_count(self, attacker, name):
        result = attacker.call(name, seconds=90.0)
        assert result.status == "returned", result.message + result.output_tail
        assert result.report["reads"]["retain"] == {"rows": 100, "draws": 200, "of": 100}

    def test_counters_made_negative_count_nothing_off(self, attacker):
        result = attacker.call("CountsBackwards")
        assert 0 <= result.report["reads"]["retain"]["draws"] <= 100

    def test_processor_time_of_abandoned_processes_counts(self, attacker):
        result = attacker.call("HidesProcessorTime")
        assert result.status == "returned"
        assert 1.8 < result.cpu_s < 4

    def test_memory_of_all_processes_together_counts(self, attacker):
        result = attacker.call("HidesMemory")
        assert result.status == "returned"
        assert 400 < result.peak_mib < 700


class TestLimits:
    @pytest.mark.parametrize("name", ["WritesTenGigabytes", "FillsSharedMemory", "MakesManyFiles"])
    def test_room_is_limited(self, attacker, name):
        result = attacker.call(name)
        assert result.status == "raised"
        assert "No space left" in result.message

    def test_so_is_the_number_of_processes(self, attacker):
        result = attacker.call("Forks")
        assert result.status == "killed"
        assert result.message == "stopped at 256 processes, the limit of a call"

    def test_so_is_time_whatever_is_ignored(self, attacker):
        started = time.monotonic()
        result = attacker.call("IgnoresSigterm", seconds=2.0)
        assert result.status == "timeout"
        assert time.monotonic() - started < 8

    def test_a_process_that_becomes_another_returns_nothing(self, attacker):
        assert attacker.call("ReplacesItself").status == "escaped"


def test_an_interrupted_request_shifts_no_reply(attacker, monkeypatch):
    real = attacker.method._wire.receive

    def interrupted():
        monkeypatch.undo()
        raise KeyboardInterrupt

    attacker.method.start()
    monkeypatch.setattr(attacker.method._wire, "receive", interrupted)
    with pytest.raises(KeyboardInterrupt):
        attacker.call("Retrains")
    assert real is not None
    assert attacker.method._wire is None
    first, second = attacker.call("Retrains"), attacker.call("Retrains", seed=8)
    assert not all(torch.equal(first.state[name], second.state[name]) for name in first.state)


@pytest.mark.parametrize("sandboxed", [True, False])
def test_the_server_ends_with_the_process_that_started_it_and_nothing_stays(tmp_path, sandboxed):
    script = f"""
import sys; sys.path[:0] = [{str(HERE)!r}, {str(HERE / "toy")!r}]
from test_sandbox import *
made = MethodProcess("sandboxed:IgnoresSigterm", sandbox=FOUND if {sandboxed} else None)
made.start(); print(made._fork_server.pid, flush=True)
made.call(spec_of(), 60)
"""
    environment = {**os.environ, "TMPDIR": str(tmp_path), "OMP_NUM_THREADS": "1"}
    running = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, env=environment)
    server = int(running.stdout.readline())
    time.sleep(6)
    running.kill()
    running.wait()
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and os.path.exists(f"/proc/{server}"):
        with contextlib.suppress(OSError):
            if Path(f"/proc/{server}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                break
        time.sleep(0.1)
    else:
        assert not os.path.exists(f"/proc/{server}")
    assert not list(tmp_path.glob("mu-conformance-*"))


def test_folders_of_processes_that_are_gone_are_removed(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    old = [tmp_path / name for name in ("prefix-stale", "prefix-young", "other")]
    for folder in old:
        (folder / "scratch").mkdir(parents=True)
    with temporary.temporary_folder("prefix-") as held:
        for folder in (old[0], old[2], held):
            os.utime(folder, (0, 0))
        temporary.remove_stale_folders("prefix-")
        assert sorted(tmp_path.iterdir()) == sorted([held, old[1], old[2]])
    assert not held.exists()


class TestFinding:
    @pytest.fixture(autouse=True)
    def afresh(self):
        sandbox._find_sandbox.cache_clear()
        yield
        sandbox._find_sandbox.cache_clear()

    @pytest.fixture
    def candidate(self, tmp_path, monkeypatch):
        def make(script: str) -> None:
            path = tmp_path / "bwrap"
            path.write_text(f"#!/bin/sh\n{script}\n")
            path.chmod(0o755)
            monkeypatch.setattr(sandbox, "_candidates", lambda: [str(path)])

        return make

    @pytest.mark.parametrize(
        ("script", "says"),
        [
            ("echo bubblewrap 0.1.8", "is version 0.1.8, and 0.4.0 is the oldest that will do"),
            ("echo something else", "is not bubblewrap"),
            (
                '[ "$1" = --version ] && echo bubblewrap 0.8.0 || { echo "bwrap: No permissions" >&2; exit 1; }',
                "namespaces are forbidden here (bwrap: No permissions); allow unprivileged user namespaces",
            ),
        ],
    )
    def test_what_will_not_do_is_told_in_a_sentence(self, candidate, script, says):
        candidate(script)
        with pytest.raises(SandboxError) as caught:
            sandbox.choose_sandbox("require")
        assert str(caught.value).startswith("no sandbox: ")
        assert says in str(caught.value)
        assert sandbox.choose_sandbox("auto") is sandbox.choose_sandbox("off") is None

    def test_none_at_all_says_what_to_install(self, monkeypatch):
        monkeypatch.setattr(sandbox, "_candidates", list)
        with pytest.raises(SandboxError, match="bubblewrap is missing; install bubblewrap"):
            sandbox.find_sandbox()

    def test_the_next_candidate_is_tried(self, monkeypatch):
        monkeypatch.setattr(sandbox, "_candidates", lambda: ["/nonexistent/bwrap", FOUND.binary])
        assert sandbox.find_sandbox() == FOUND


class TestBox:
    def test_a_folder_added_out_of_sight_needs_another_server(self, tmp_path):
        small, large = (sandbox.Box.of(FOUND, path) for path in ([], [str(tmp_path)]))
        assert large.shows(small)
        assert not small.shows(large)
        inside = tmp_path / "inside"
        inside.mkdir()
        assert large.shows(sandbox.Box.of(FOUND, [str(inside)]))

    def test_of_a_kept_home_only_visible_entries_stay(self, tmp_path):
        for name in ("module.py", ".secret", "package"):
            (tmp_path / name).touch()
        kept = sandbox.kept_below(str(tmp_path), [str(tmp_path), "/usr"])
        assert kept == [str(tmp_path / "module.py"), str(tmp_path / "package")]


def test_a_description_cannot_have_the_server_import_what_is_not_installed():
    """The method's process writes the description, and whoever is imported by the server is trusted."""
    method = MethodProcess("anything:Mine")
    asked = []
    method.start = lambda: None  # type: ignore[method-assign]
    method._ask = lambda request, seconds: asked.append(request["modules"])  # type: ignore[method-assign]
    for said in (["numpy", "evil", "os", "diffusers_of_mine"], ["numpy"], "numpy", None):
        method.remember({"preload": said})
    assert asked == [["numpy"]]


def test_what_stands_in_a_folder_is_not_installed(tmp_path, monkeypatch):
    (tmp_path / "stands_in.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    assert not is_installed("stands_in")
    assert is_installed("numpy")
    assert not is_installed("no_such_module")


def test_the_server_has_no_options_of_pytest(monkeypatch):
    """An auditor's challenge may be among them."""
    monkeypatch.setenv("PYTEST_ADDOPTS", "--mu-challenge something")
    process, control = launch.launch([])
    try:
        assert process is not None
        environment = Path(f"/proc/{process.pid}/environ").read_bytes()
        assert b"something" not in environment
    finally:
        control.close()
        process.wait(20)
