"""What a method opens while it runs, in a process of its own: an audit hook cannot be removed."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import os, sys
from mu_conformance.isolation.recorder import Recorder
ours, other = sys.argv[1:3]
recorder = Recorder((ours,))
recorder.active = True
{body}
recorder.active = False
print(*recorder.suite_files_read, sep="\\n")
"""


@pytest.mark.parametrize(
    ("body", "seen"),
    [
        ("open(f'{ours}/rows.tsv').close()", ["rows.tsv"]),
        ("os.symlink(f'{ours}/rows.tsv', f'{other}/mine'); open(f'{other}/mine').close()", ["rows.tsv"]),
        ("os.symlink(ours, f'{other}/mine'); open(f'{other}/mine/rows.tsv').close()", ["rows.tsv"]),
        ("os.link(f'{ours}/rows.tsv', f'{other}/mine'); open(f'{other}/mine').close()", ["rows.tsv"]),
        ("os.rename(f'{ours}/rows.tsv', f'{other}/mine')", ["rows.tsv"]),
        ("os.open('rows.tsv', os.O_RDONLY, dir_fd=os.open(ours, os.O_RDONLY))", [""]),
        ("os.listdir(ours); open(f'{ours}/code.py').close(); open(f'{other}/own').close()", []),
    ],
)
def test_files_of_the_suite_by_any_name(tmp_path, body, seen):
    ours, other = tmp_path / "ours", tmp_path / "ours-not"
    for path in (ours / "rows.tsv", ours / "code.py", other / "own"):
        path.parent.mkdir(exist_ok=True)
        path.touch()
    program = [sys.executable, "-c", PROGRAM.format(body=body), str(ours), str(other)]
    done = subprocess.run(program, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(ours / name).rstrip("/") for name in seen]
