"""The progress of a run, and what pytest's terminal says of our tests: real runs, on a terminal and without one."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import types
import xml.etree.ElementTree as ElementTree

import pytest
from mu_conformance.plugins.terminal import category

from mu_conformance.judging.progress import Activity, Progress, Work, fit, seconds_left, time_text

FOREIGN = "def test_good():\n    pass\n\ndef test_bad():\n    assert 1 == 2, 'a foreign failure'\n"
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[78DM]|.", re.DOTALL)


class TestTimeLeft:
    @pytest.mark.parametrize(
        ("done", "left", "spent", "since", "seconds"),
        [
            (0, 8, 0, 30, None),
            # two scenarios took 10 s each, and three are left
            (2, 3, 20, 0, 30),
            (2, 3, 20, 4, 26),
            # the current one takes longer than the others did: those after it count
            (2, 3, 20, 15, 20),
            # contract requests were a quarter of a scenario's work
            (0.25, 2, 3, 0, 24),
            (3, 0.25, 30, 1, 1.5),
            # the last one is overdue
            (2, 1, 20, 11, None),
            (3, 0, 30, 0, None),
        ],
    )
    def test_estimate_by_hand(self, done, left, spent, since, seconds):
        assert seconds_left(done, left, spent, since) == seconds

    @pytest.mark.parametrize(
        ("seconds", "text"),
        [
            (0.1, "about 5 s left"),
            (26, "about 30 s left"),
            (89, "about 90 s left"),
            (91, "about 2 min left"),
            (5399, "about 90 min left"),
            (9000, "about 2.5 h left"),
        ],
    )
    def test_words(self, seconds, text):
        assert time_text(seconds) == text

    def test_scenarios_are_counted_when_all_their_checks_are_done(self):
        progress = Progress()
        assert progress.line(0.0, 80) == "starting"
        # nothing has to be judged of the last one: it is resumed, or not claimed
        progress.plan({"a": Work(2, 1.0), "b": Work(1, 1.0), "c": Work(1, 0.0)}, 100.0)
        assert (progress.counted(), progress.time_left(100.0)) == ("0/4 checks", "")
        progress.judged("a", 105.0)
        progress.judged("c", 106.0)
        progress.judged("elsewhere", 107.0)
        assert (progress.counted(), progress.time_left(110.0)) == ("2/4 checks", "")
        progress.judged("a", 120.0)
        assert (progress.counted(), progress.time_left(120.0)) == ("3/4 checks", "about 20 s left")
        assert progress.time_left(130.0) == "about 10 s left"
        progress.judged("b", 131.0)
        assert (progress.counted(), progress.time_left(131.0)) == ("4/4 checks", "")
        progress.judged("b", 131.0)
        assert progress.counted() == "4/4 checks"


class TestLine:
    @pytest.mark.parametrize(
        ("width", "line"),
        [
            (80, "41/93 checks · tabular/unit: call 3/4 · about 2 min left"),
            (56, "41/93 checks · tabular/unit: call 3/4 · about 2 min left"),
            (50, "41/93 checks · tabular/unit: c… · about 2 min left"),
            (40, "41/93 checks · about 2 min left"),
            (20, "41/93 checks · abou…"),
            (0, "…"),
        ],
    )
    def test_a_narrow_line_keeps_the_count_and_the_time(self, width, line):
        assert fit("41/93 checks", "tabular/unit: call 3/4", "about 2 min left", width) == line
        assert len(line) <= max(width, 1)

    def test_parts_may_be_missing(self):
        assert fit("", "importing torch", "", 80) == "importing torch"
        assert fit("", "importing torch", "", 10) == "importing…"
        assert fit("0/9 checks", "tabular/unit: call 3/4", "", 30) == "0/9 checks · tabular/unit: ca…"

    def test_workers_name_their_tasks_and_scenarios_where_a_task_is_not_enough(self):
        progress = Progress()
        call, training = Activity("call", "tabular/unit", 3, 4), Activity("training originals", "sentiment/unit", 2, 4)
        other = Activity("call", "tabular/contract", 7)
        assert progress.line(0, 80, [call]) == "tabular/unit: call 3/4"
        assert progress.line(0, 80, [call, training]) == "tabular: call 3/4 · sentiment: training originals 2/4"
        assert progress.line(0, 80, [call, other]) == "tabular/unit: call 3/4 · tabular/contract: call 7"
        assert progress.line(0, 80, [Activity("importing torch")] * 2) == "importing torch"


@pytest.mark.parametrize(
    ("status", "outcome", "fault", "counted"),
    [
        ("passed", "passed", None, "passed"),
        ("failed", "failed", None, "failed"),
        ("failed", "stale_waiver", None, "failed"),
        ("failed", "inconclusive", None, "inconclusive"),
        ("failed", "error", "suite", "inconclusive"),
        ("failed", "error", "method", "failed"),
        ("skipped", "not_claimed", None, "skipped"),
        ("xfailed", "waived", None, "xfailed"),
        ("xfailed", "inconclusive", None, "xfailed"),
    ],
)
def test_categories_of_the_last_line(status, outcome, fault, counted):
    report = types.SimpleNamespace(outcome=status, failed=status == "failed")
    if status == "xfailed":
        report.outcome, report.wasxfail = "skipped", "a recommendation"
    assert category(report, outcome, fault) == counted


class TestWithoutATerminal:
    def test_our_tests_print_nothing_and_foreign_ones_what_they_do_anyway(self, toy):
        (toy.folder / "test_foreign.py").write_text(FOREIGN)
        chosen = ("-k", "forgetting.loss or good or bad", "--junitxml=junit.xml")
        run = toy.run("ForgetsHalf", "test_foreign.py", *chosen)
        assert run.status == 1
        lines = run.output.splitlines()
        assert "TestToy" not in run.output
        assert "test_toy.py" not in run.output
        assert [line for line in lines if re.fullmatch(r"[.FEsx]+( .*%\])?", line)] == [".F"]
        assert "FAILED test_foreign.py::test_bad - AssertionError: a foreign failure" in run.output
        assert "___ test_bad ___" in run.output
        bad = sum(outcome == "failed" for outcome in run.outcomes("forgetting.loss").values())
        assert bad == 2
        assert lines[-1].startswith(f"{bad + 1} failed, 1 passed, ")
        assert "warning" not in lines[-1]
        # a run that quiet and that short says nothing of its progress
        assert not [line for line in lines if line.startswith("mu-conformance: ")]
        suite = ElementTree.parse(toy.folder / "junit.xml").getroot()[0]
        assert (suite.get("tests"), suite.get("failures")) == ("4", str(bad + 1))

    def test_a_line_at_once_unless_quiet(self, toy):
        # one -q of the command and one -v make pytest's usual verbosity
        run = toy.run("retrain", "-v", "-k", "contract-contract.finite")
        lines = run.output.splitlines()
        assert lines[0] == "mu-conformance: importing torch"
        said = [line for line in lines if line.startswith("mu-conformance: ") and "sandbox" not in line]
        assert said == lines[:1]
        assert "test_toy.py" not in run.output
        assert "[100%]" not in run.output

    def test_every_test_has_its_line_in_a_verbose_run(self, toy):
        run = toy.run("ForgetsHalf", "-vv", "-k", "forgetting.loss")
        name = "test_toy.py::TestToy::test_conforms[random-10pct-forgetting.loss]"
        assert f"{name} FAILED" in run.output
        assert "short test summary" not in run.output

    def test_a_crash_of_a_fixture_is_shown(self, toy):
        (toy.folder / "conftest.py").write_text(
            "import pytest\n\n@pytest.fixture(autouse=True)\ndef broken():\n    raise OSError('a broken fixture')\n"
        )
        run = toy.run("retrain", "-k", "contract-contract.finite")
        assert run.status == 1
        assert "ERROR at setup of TestToy.test_conforms[contract-contract.finite]" in run.output
        assert "a broken fixture" in run.output
        assert "1 error" in run.output.splitlines()[-1]


def test_packaged_suites_have_the_same_ids_everywhere(tmp_path):
    options = ("-p", "no:cacheprovider", "-q", "--collect-only", "--mu-task", "tabular")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "--method", "mu_conformance.methods:Retrain"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    found = [line for line in done.stdout.splitlines() if "::" in line]
    assert found
    assert {line.partition("[")[0] for line in found} == {"suites/tabular/test_tabular.py::TestTabular::test_conforms"}


def screen(output: str) -> list[str]:
    """What a terminal without a last row or column shows in the end."""
    rows, row, column, saved = [""], 0, 0, (0, 0)
    for code in ESCAPES.findall(output):
        if code in ("\n", "\x1bD", "\x1bM"):
            row += -1 if code == "\x1bM" else 1
            rows += [""] * (row + 1 - len(rows))
        elif code == "\r":
            column = 0
        elif code == "\x1b7":
            saved = row, column
        elif code == "\x1b8":
            row, column = saved
        elif code == "\x1b[2K":
            rows[row] = ""
        elif not code.startswith("\x1b"):
            rows[row] = rows[row][:column].ljust(column) + code + rows[row][column + 1 :]
            column += 1
    return [text.rstrip() for text in rows]


def test_the_screen_by_hand():
    assert screen("one\r\ntwo\r\x1b[2Kthree\r\x1b[1mT\x1b[0m") == ["one", "Three"]
    assert screen("part\x1bD\x1bM\x1b7\r\n\x1b[2Klive\x1b8\x1b7\r\n\x1b[2K\x1b8 done\r\n") == ["part done", ""]


def on_a_terminal(toy, columns: int, *options: str) -> tuple[int, str]:
    """Run pytest on a terminal of that width; return its status and everything that it wrote."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environment = {k: v for k, v in toy.environment(TERM="xterm").items() if k not in ("COLUMNS", "NO_COLOR")}
    process = subprocess.Popen(
        toy.command("ForgetsHalf", *options),
        cwd=toy.folder,
        env=environment,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    output = b""
    while True:
        try:
            data = os.read(ours, 1 << 16)
        except OSError:
            break
        if not data:
            break
        output += data
    os.close(ours)
    return process.wait(timeout=60), output.decode()


@pytest.mark.parametrize(
    ("columns", "options"), [(80, ["-n", "0", "-v"]), (40, ["-n", "0", "-vv"]), (80, ["-n", "2", "-v"])]
)
def test_one_live_line_that_is_gone_in_the_end(toy, columns, options):
    (toy.folder / "test_foreign.py").write_text(FOREIGN)
    chosen = ("-k", "forgetting.loss or good or bad or contract-contract.order")
    status, output = on_a_terminal(toy, columns, "test_foreign.py", *options, *chosen)
    assert status == 1
    # pytest's own lines end with a newline, the live one never
    drawn = re.findall(r"\x1b\[2K([^\r\n\x1b]+)(?=\r\x1b\[2K|\x1b[78])", output)
    assert drawn[0] == "importing torch"
    assert any(line.startswith("0/3 checks · toy/") for line in drawn)
    assert any("call" in line for line in drawn)
    assert max(map(len, drawn)) < columns
    shown = screen(output)
    assert not [line for line in shown if "checks · " in line or line in drawn], shown
    # what pytest wrote is whole: dots of the foreign tests, or a line for each test
    assert any("FAILED test_foreign.py::test_bad" in line for line in shown)
    if "-vv" in options:
        assert any(line.startswith("test_toy.py::TestToy::test_conforms[random") and "FAILED" in line for line in shown)
    else:
        assert any(re.fullmatch(r"(test_foreign.py )?(\.F|F\.)", line) for line in shown)
        assert not any("TestToy" in line for line in shown)
    assert "3 failed, 2 passed" in shown[-2]
